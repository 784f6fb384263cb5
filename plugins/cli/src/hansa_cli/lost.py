"""What became of a change whose answer was lost: the worker that made it may have ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

from .access import FINAL
from .client import Client
from .failures import (
    Failure,
    NotAsWanted,
    Refusal,
    Unreachable,
    is_passing,
    is_unanswered,
    may_be_done,
)
from .plain import JsonObject

POLL = 0.2
"""Seconds between two questions."""
PATIENCE = 2.0
"""Seconds after which nobody is there, if nobody has answered by then."""
LIMIT = 30.0
"""Seconds to wait for the state of a definition: until what ends workers is quarantined, and they
are back.
"""
NOT_FOUND = "not-found"
"""The error code where there is no definition of a name."""


def server_answers(client: Client) -> bool:
    """Whether a server answers within some seconds, be it with an error."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            client.call("admin.server.status")
        except (Refusal, Unreachable) as failure:
            if not is_unanswered(failure):
                return True
        else:
            return True
        time.sleep(POLL)
    return False


@contextlib.contextmanager
def answer_may_be_lost(advice: str) -> Iterator[None]:
    """Say how to find out what was done where the answer to a change is lost in this block.

    Raises `Unreachable`.
    """
    try:
        yield
    except (Refusal, Unreachable) as failure:
        if not may_be_done(failure):
            raise
        raise _unknown(failure, advice) from None


def outcome_of_lost(
    client: Client, service: str, asked: Mapping[str, object], failure: Failure
) -> JsonObject:
    """Return a definition as it is after a change whose answer is lost by `failure`, once its state
    is final; an empty object for one that was deleted.

    `service` is the admin service that was to make the change, `asked` its input. Nothing is
    changed here. Raises `NotAsWanted` if the change was not made, `Unreachable` if nobody can tell,
    and the failure itself if the request was not sent.
    """
    if not may_be_done(failure):
        raise failure
    name = str(asked["name"])
    type, _, action = service.rpartition(".")
    found = _state_of(client, f"{type}.get", name)
    if found is None:
        command = " ".join(type.split(".")[1:])
        raise _unknown(failure, f"`hansa {command} get {name}` tells, once a server answers")
    fault = _fault_of(action, asked, found)
    if fault:
        raise NotAsWanted(f"the answer was lost ({_reason(failure)}), and {name} {fault}")
    return found


def _fault_of(action: str, asked: Mapping[str, object], found: JsonObject) -> str:
    """Return what shows that a change was not made; empty if it was, as far as can be seen."""
    if action == "delete":
        return "is still there" if found else ""
    if not found:
        return "is not there: nothing was changed"
    different = [key for key, value in asked.items() if key in found and found[key] != value]
    if action != "edit" or not different:
        return ""
    settings = ", ".join(f"{key}={found[key]!r}" for key in different)
    return f"was not changed as asked: at revision {found['revision']} it has {settings}"


def _state_of(client: Client, service: str, name: str) -> JsonObject | None:
    """Return a definition once its state is final, or as it is at the limit; an empty object if
    there is none; None if nobody has answered.
    """
    deadline = time.monotonic() + LIMIT
    found: JsonObject | None = None
    while time.monotonic() < deadline:
        try:
            found = client.call(service, {"name": name})
        except (Refusal, Unreachable) as failure:
            if isinstance(failure, Refusal) and failure.problem.get("code") == NOT_FOUND:
                return {}
            if not is_passing(failure):
                raise
        else:
            if all(state["state"] in FINAL for state in found["states"].values()):
                return found
        time.sleep(POLL)
    return found


def _unknown(failure: Failure, advice: str) -> Unreachable:
    return Unreachable(
        f"the answer was lost ({_reason(failure)}); whether the change was made is not known: {advice}"
    )


def _reason(failure: Failure) -> str:
    """Return the first line of what a client has raised."""
    return failure.message.partition("\n")[0]
