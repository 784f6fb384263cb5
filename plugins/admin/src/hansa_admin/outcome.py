"""What became of a change: the state of what was defined, in each worker, waited for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from hansa import Applied, Key, NotFound, ObjectState, Server, WorkerReport
from hansa_cli.access import ELSEWHERE, FINAL, RUNNING, RUNS

from .answers import PlainData, worst_state

States: TypeAlias = dict[str, ObjectState]
"""The state of one definition in each worker, by worker."""

HEALTHY = ObjectState(RUNNING)
UNPLACED = ObjectState("unplaced", "it runs once, and no worker runs it yet")

LIMIT = 5.0
"""Seconds, from before the change, to wait for its outcome."""
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.1


def reported_states(
    key: Key, revision: int, reports: Mapping[str, WorkerReport]
) -> dict[str, ObjectState]:
    """Return the state of a definition in each worker, by its report: `pending` in one that has not
    applied its revision yet.
    """
    name = " ".join(key)
    pending = ObjectState("pending", f"it has not applied revision {revision} yet")
    states: States = {}
    for worker, report in reports.items():
        is_late = report.revision < revision
        states[worker] = pending if is_late else report.states.get(name, HEALTHY)
    return states


class Outcome:
    """Waits for the outcome of a change that is about to be made: up to 5 s from now."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._deadline = time.monotonic() + LIMIT

    def of(self, key: Key, applied: Applied) -> PlainData:
        """Return the state of one definition as answers show it: the worst, and that of each
        worker.
        """
        states = self.wait([key], applied)[key]
        return {"state": worst_state(states), "states": states}

    def failures(
        self, applied: Applied, *, packages: Iterable[str] = (), definitions: Iterable[Key] = ()
    ) -> list[PlainData]:
        """Return those of several packages that some worker could not load, and of several
        definitions that do not run somewhere, as answers show them.
        """
        keys = [("service", "package", package) for package in packages]
        found: list[PlainData] = []
        for key, states in self.wait([*keys, *definitions], applied).items():
            worst = worst_state(states)
            if worst in RUNS:
                continue
            kind, type, name = key
            failed = {worker: one for worker, one in states.items() if one.state not in RUNS}
            found.append(
                {"kind": kind, "type": type, "name": name, "state": worst, "states": failed}
            )
        return found

    def wait(self, keys: Iterable[Key], applied: Applied) -> dict[Key, States]:
        """Return the states of definitions once those of all are final, or at the limit."""
        wanted = list(keys)
        pause = FIRST_PAUSE
        while True:
            found = dict(self._look(wanted, applied.revision))
            final = all(state.state in FINAL for one in found.values() for state in one.values())
            if final or time.monotonic() > self._deadline:
                return found
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _look(self, keys: Iterable[Key], revision: int) -> Iterator[tuple[Key, States]]:
        """Return the states of definitions as workers report them now, by definition."""
        reports = self.server.cluster.reports()
        own_report = reports.get(self.server.id)
        is_late = own_report is not None and own_report.revision < revision
        for key in keys:
            states = reported_states(key, revision, reports)
            own = self.server.objects.state(*key)
            if own is not None and not is_late:
                states[self.server.id] = own
            yield key, self._placed(key, states)

    def _placed(self, key: Key, states: States) -> States:
        """Return the states, `unplaced` in place of `elsewhere` where that is true of nobody."""
        placement = self._placement(key)
        if placement == "worker":
            return states
        found: States = {}
        for scope in _scopes(states, placement):
            nowhere = all(state.state == ELSEWHERE for state in scope.values())
            found |= dict.fromkeys(scope, UNPLACED) if nowhere else scope
        return found

    def _placement(self, key: Key) -> str:
        """Return where objects of a type run; a type that is not known runs nowhere."""
        kind, type, _ = key
        try:
            return self.server.registry.type(kind, type).cls.placement
        except NotFound:
            return "worker"


def _scopes(states: States, placement: str) -> Iterator[Mapping[str, ObjectState]]:
    """Return the states of the workers among which one runs an object: of a server, or of all."""
    if placement == "cluster":
        yield states
        return
    servers = {worker.rpartition("/")[0] for worker in states}
    for server in servers:
        yield {
            worker: state for worker, state in states.items() if worker.rpartition("/")[0] == server
        }
