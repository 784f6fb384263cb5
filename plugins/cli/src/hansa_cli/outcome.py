"""What became of a definition in each worker, as the answer to its change says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click

from . import output
from .access import RUNNING, RUNS
from .failures import NotAsWanted
from .plain import JsonObject


def check_outcome(label: str, answer: JsonObject) -> None:
    """Raise `NotAsWanted`, with the reasons, unless a changed definition runs in every worker.

    `label` is its kind and type.
    """
    if answer.get("state", RUNNING) not in RUNS:  # servers of an earlier version do not say
        raise NotAsWanted(f"{label} {answer['name']} {_failure(answer['states'])}")


def check_outcomes(answer: JsonObject) -> None:
    """Raise `NotAsWanted`, with the reasons, unless all definitions of a change run, and all packages
    are loaded.
    """
    failed: list[JsonObject] = answer.get("not_running") or []
    if failed:
        raise NotAsWanted("\n  ".join(_failure_of(one) for one in failed))


def show_trouble(states: Mapping[str, JsonObject]) -> None:
    """Print what is wrong with the other side of a definition that runs, by worker."""
    for worker, state in states.items():
        if state["state"] == RUNNING and state.get("why"):
            click.echo(f"  {worker}: {output.state_line(state)}")


def _failure_of(one: JsonObject) -> str:
    return f"{one['kind']} {one['type']} {one['name']} {_failure(one['states'])}"


def _failure(states: Mapping[str, JsonObject]) -> str:
    """Return that a definition does not run, with a line for each reason and its workers."""
    workers: dict[str, list[str]] = {}
    for worker, one in states.items():
        if one["state"] not in RUNS:
            workers.setdefault(_reason(one), []).append(worker)
    lines = [f"{reason} (in {_listed(names)})" for reason, names in workers.items()]
    return "\n  ".join(["does not run:", *lines])


def _reason(state: JsonObject) -> str:
    why = " ".join(str(state.get("why") or "").split())
    return f"{state['state']}: {why}" if why else str(state["state"])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
