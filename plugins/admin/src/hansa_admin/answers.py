"""The inputs and answers that the services of all types of definitions share."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from hansa import Applied, Model, ObjectState, setting

PlainData: TypeAlias = dict[str, Any]
"""An object of JSON."""
Entry = TypeVar("Entry")

WORST_FIRST = (
    "quarantined",
    "failed",
    "retrying",
    "pending",
    "starting",
    "unplaced",
    "running",
    "inactive",
    "elsewhere",
)


class Named(Model):
    """What tells one definition from the others of its type."""

    name: Annotated[str, setting("Name of the definition", min_length=1, max_length=200)]


class Seen(Named):
    """A change that builds on what its author has seen."""

    seen_revision: Annotated[
        int | None,
        setting(
            "Revision that the change builds on; refused if the definition was changed since",
            example=42,
        ),
    ] = None


class TrialInput(Model):
    """The settings that a trial starts from."""

    name: Annotated[
        str, setting("Definition whose settings the trial starts from; empty for none")
    ] = ""


class Filter(Model):
    """Which entries of a list to return."""

    filter: Annotated[str, setting("Only names that contain this text, in upper or lower case")] = (
        ""
    )
    offset: Annotated[int, setting("Number of entries to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of entries to return", ge=1, le=10_000)] = 1000

    def matches(self, name: str) -> bool:
        """Whether an entry of this name is asked for."""
        return self.filter.lower() in name.lower()

    def page(self, found: list[Entry]) -> list[Entry]:
        """Return those of the entries found that are asked for."""
        return found[self.offset : self.offset + self.limit]


class State(Model):
    """The state of a definition in one worker."""

    state: Annotated[
        str,
        setting(
            "running, starting, retrying, inactive, elsewhere, failed or quarantined; pending: the "
            "worker has yet to apply the change; unplaced: it runs once, and runs nowhere"
        ),
    ]
    why: Annotated[
        str, setting("The reason why it does not run, or why its other side does not answer")
    ] = ""
    since: Annotated[float, setting("Start of this state, in seconds of the Unix epoch")] = 0.0


class Shown(Named):
    """What is known of a definition besides its settings."""

    revision: Annotated[int, setting("Revision of its last change")]
    builtin: Annotated[bool, setting("Whether it comes with a plugin and cannot be changed")]
    state: Annotated[str, setting("The worst of its states in all workers")]
    states: Annotated[dict[str, State], setting("The state in each worker")]


class ShownChannel(Shown):
    """What is known of a channel."""

    delivery: Annotated[
        Literal["at_least_once", "at_most_once", ""],
        setting("Delivery guarantee with these settings; empty if they cannot be used"),
    ] = ""


class ShownPlanned(Shown):
    """What is known of a definition that runs at planned times."""

    next_run: Annotated[
        str | None,
        setting("Next planned run in ISO 8601, UTC; null if none is planned, or it is inactive"),
    ] = None


class ShownUsed(Shown):
    """What is known of a definition whose last use is noted."""

    last_used: Annotated[
        str | None, setting("Last use in ISO 8601, UTC, to the minute; null if none is known")
    ] = None


class Upcoming(Named):
    """How many planned runs to return."""

    count: Annotated[int, setting("Maximum number of planned runs", ge=1, le=1000)] = 10


class PreviewInput(TrialInput):
    """The settings that a preview starts from, and how many planned runs to return."""

    count: Annotated[int, setting("Maximum number of planned runs", ge=1, le=1000)] = 10


class PlannedRuns(Named):
    """The next planned runs of a definition."""

    runs: Annotated[list[str], setting("Planned runs in ISO 8601, UTC, the earliest first")]


class PreviewedRuns(TrialInput):
    """The next runs that settings would plan."""

    runs: Annotated[list[str], setting("Planned runs in ISO 8601, UTC, the earliest first")]


class Changed(Model):
    """A stored change, and which workers have applied it."""

    name: Annotated[str, setting("Name of what was changed")]
    revision: Annotated[int, setting("Revision of the change")]
    applied: Annotated[list[str], setting("Workers that have applied it")]
    pending: Annotated[list[str], setting("Workers that have yet to apply it")]


class NotRunning(Model):
    """A definition that does not run in some workers within 5 seconds after the change, or a package
    that they cannot load.
    """

    kind: Annotated[str, setting("Kind of the definition, or service")]
    type: Annotated[str, setting("Type of the definition, or package")]
    name: Annotated[str, setting("Its name")]
    state: Annotated[str, setting("The worst of its states in all workers")]
    states: Annotated[dict[str, State], setting("The state in each worker where it does not run")]


class Settled(Changed):
    """A stored change of one definition, and what became of it within 5 seconds."""

    state: Annotated[str, setting("The worst of its states in all workers")]
    states: Annotated[dict[str, State], setting("The state in each worker")]


class Created(Settled):
    """A new definition."""

    generated: Annotated[
        dict[str, Any],
        setting("Settings that were generated, such as a random key; never shown again"),
    ] = {}


class Result(Model):
    """The outcome of a ping or a trial."""

    name: Annotated[str, setting("Name of the definition")]
    result: Annotated[str, setting("The outcome, as a short text")]


class Ran(Result):
    """The outcome of a run."""

    cid: Annotated[str, setting("Correlation id of the run")]
    answer: Annotated[Any, setting("Answer of the service")] = None


def changed(name: str, answer: Applied) -> PlainData:
    """Return the answer to a change of one thing."""
    return {"name": name, **applied_data(answer)}


def applied_data(answer: Applied) -> PlainData:
    """Return what every answer to a change has: its revision, and which workers have applied it."""
    return {
        "revision": answer.revision,
        "applied": answer.applied,
        "pending": answer.pending,
    }


def worst_state(states: Mapping[str, ObjectState]) -> str:
    """Return one word for the states of all workers; `unknown` if none has reported yet."""
    reported = {state.state for state in states.values()}
    for state in WORST_FIRST:
        if state in reported:
            return state
    return "unknown"


def readable(raw: bytes) -> object:
    """Return bytes as JSON shows them best: a JSON value, else text, else base64; nothing is null."""
    if not raw:
        return None
    try:
        value: object = msgspec.json.decode(raw)
        return value
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"$base64": base64.b64encode(raw).decode()}
