"""All definitions at one revision, and which of them names which, for services that look at many."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hansa import (
    DefinitionRecord,
    Key,
    NotFound,
    ObjectState,
    Reference,
    Registry,
    Server,
    WorkerReport,
    references,
)
from hansa_cli.access import ELSEWHERE

from .answers import worst_state
from .outcome import HEALTHY, UNPLACED, reported_states


@dataclass(frozen=True, slots=True)
class Use:
    """One setting by which a definition names something."""

    user: Key
    setting: str


@dataclass(frozen=True)
class DefinitionSnapshot:
    """The definitions at one revision, sorted by key."""

    revision: int
    records: list[DefinitionRecord]
    registry: Registry = field(repr=False)

    @cached_property
    def names(self) -> frozenset[str]:
        """Kind, type and name of each, as workers report them: separated by spaces."""
        return frozenset(" ".join(record.key) for record in self.records)

    def of_kind(self, kind: str) -> list[DefinitionRecord]:
        """Return the definitions of a kind."""
        return [record for record in self.records if record.kind == kind]

    @cached_property
    def by_name(self) -> list[DefinitionRecord]:
        """The definitions sorted by name."""
        return sorted(self.records, key=lambda record: (record.name, record.kind, record.type))

    @cached_property
    def uses(self) -> Mapping[tuple[str, str, str], list[Use]]:
        """What names something, by its kind, its type (empty if any will do) and its name."""
        found: dict[tuple[str, str, str], list[Use]] = {}
        for record in self.records:
            for one in references_of(self.registry, record):
                key = (one.kind, one.type, one.name)
                found.setdefault(key, []).append(Use(record.key, one.setting))
        return found

    def users_of(self, kind: str, type: str, name: str) -> list[Use]:
        """Return what names a definition, or a service or format, whose type is empty."""
        of_any_type = self.uses.get((kind, "", name), [])
        return of_any_type if not type else of_any_type + self.uses.get((kind, type, name), [])


def references_of(registry: Registry, record: DefinitionRecord) -> list[Reference]:
    """Return what a definition names; nothing where the plugin of its type is gone."""
    try:
        model = registry.type(record.kind, record.type).model
    except NotFound:
        return []
    return list(references(model, record.data))


class DefinitionIndex:
    """Keeps the definitions of the newest revision that was asked for, in one worker.

    PERF: with 10,000 definitions reading them all takes most of the time of a list.
    """

    def __init__(self) -> None:
        self._known: DefinitionSnapshot | None = None
        self._lock = threading.Lock()

    def current(self, server: Server) -> DefinitionSnapshot:
        """Return the definitions of now."""
        revision = server.cluster.revision()
        with self._lock:
            if self._known is None or self._known.revision != revision:
                records = server.definitions.all()
                self._known = DefinitionSnapshot(revision, records, server.registry)
            return self._known


class States:
    """The states of definitions as workers have reported them."""

    def __init__(self, reports: Mapping[str, WorkerReport]) -> None:
        self._reports = reports
        self._applied = min((report.revision for report in reports.values()), default=0)
        self._reported = {name for report in reports.values() for name in report.states}
        self._found: dict[Key, ObjectState] = {}

    def of(self, record: DefinitionRecord) -> ObjectState:
        """Return the worst state of a definition; of several workers with it, that since when all
        have it.
        """
        # PERF: workers report no more than what does not simply run
        is_plain = " ".join(record.key) not in self._reported
        if is_plain and record.revision <= self._applied and self._reports:
            return HEALTHY
        found = self._found.get(record.key)
        if found is None:
            states = reported_states(record.key, record.revision, self._reports)
            found = self._found[record.key] = _worst(states)
        return found


def _worst(states: Mapping[str, ObjectState]) -> ObjectState:
    found = list(states.values())
    if found and all(state.state == ELSEWHERE for state in found):
        return UNPLACED
    word = worst_state(states)
    worst = [state for state in found if state.state == word]
    return max(worst, key=lambda state: state.since, default=ObjectState(word))
