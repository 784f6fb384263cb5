"""Waiting until workers were replaced, and what became of a plugin in each of them."""

from __future__ import annotations

import time
from collections.abc import Iterable

from .client import Client
from .failures import Refusal, Unreachable, is_passing
from .plain import JsonObject

POLL = 0.2
LIMIT = 150.0
"""Seconds to wait for all workers."""


class Replacement:
    """The workers that replace those of a server, whose reports were these before that began."""

    def __init__(self, client: Client, reports: dict[str, JsonObject] | None = None) -> None:
        self.client = client
        self.reports = reports or {}

    def wait(self, workers: Iterable[str]) -> dict[str, JsonObject]:
        """Return what became of each place of these workers, a state and why, once all are known;
        `unknown` for those that are not after 150 s.
        """
        places = sorted({_place(worker) for worker in workers})
        before = set(workers)
        deadline = time.monotonic() + LIMIT
        while True:
            reports = self._reports()
            found = {place: self._state(place, before, reports) for place in places}
            known = {place: state for place, state in found.items() if state is not None}
            if len(known) == len(places):
                return known
            if time.monotonic() > deadline:
                late = {"state": "unknown", "why": f"not replaced within {LIMIT:g} s"}
                return {place: known.get(place, late) for place in places}
            time.sleep(POLL)

    def _reports(self) -> dict[str, JsonObject]:
        """Return what workers report; nothing while nobody can answer."""
        try:
            workers: dict[str, JsonObject] = self.client.call("admin.server.status")["workers"]
        except (Refusal, Unreachable) as failure:
            if is_passing(failure):
                return {}
            raise
        return workers

    def _state(
        self, place: str, before: set[str], reports: dict[str, JsonObject]
    ) -> JsonObject | None:
        """Return what became of a place; None if it is not known yet, or the one before has not
        ended: it answers until then, also beside a new one.
        """
        here = {worker: one for worker, one in reports.items() if _place(worker) == place}
        for worker, report in here.items():
            if before.isdisjoint(here):
                return self.result(report)
            kept = report["not_running"].get(f"worker  {place.rpartition('/')[2]}")
            if kept is not None and self.is_new(worker, report, kept):
                return dict(kept)
        return None

    def result(self, report: JsonObject) -> JsonObject:
        """Return what a new worker says."""
        return {"state": "replaced"}

    def is_new(self, worker: str, report: JsonObject, kept: JsonObject) -> bool:
        """Whether a worker goes on because of this replacement, and not of an earlier one."""
        before = self.reports.get(worker, {}).get("not_running", {})
        return kept not in before.values()


class PluginReplacement(Replacement):
    """The workers that replace others after the change of a revision, which concerns a plugin.

    `wanted` is the state of the plugin in a worker that has nothing to say against it.
    """

    def __init__(self, client: Client, plugin: str, revision: int, wanted: str) -> None:
        super().__init__(client)
        self.plugin = plugin
        self.revision = revision
        self.wanted = wanted

    def result(self, report: JsonObject) -> JsonObject:
        """Return the state of the plugin in a new worker."""
        state: JsonObject | None = report["not_running"].get(f"plugin  {self.plugin}")
        return state or {"state": self.wanted}

    def is_new(self, worker: str, report: JsonObject, kept: JsonObject) -> bool:
        """Whether a worker goes on although it knows of the change."""
        return bool(report["revision"] >= self.revision)


def _place(worker: str) -> str:
    """Return the server and the index of a worker, without its generation."""
    return worker.rpartition(".")[0]
