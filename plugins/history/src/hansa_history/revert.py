"""The way back: the plan that makes definitions and packages what they were at a revision."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hansa import Conflict, Invalid, Key, LoggedChange, NotFound, PlainSettings, Server, label
from hansa_admin.export import SERVICES, missing_type
from hansa_admin.plan import Plan

from .comparison import files_in
from .subject import is_package


class Reversion:
    """What leads back to a revision, from how things are at the moment.

    `keys` are the definitions and packages that go back; None stands for all. Raises one `Invalid`
    with everything that speaks against it, by `kind.type.name.setting`, and `NotFound` for a
    revision that the history does not reach back to.
    """

    def __init__(
        self,
        server: Server,
        revision: int,
        keys: Collection[Key] | None,
        seen_revision: int | None,
        principal: object,
    ) -> None:
        self.server = server
        self._principal = principal
        # before anything is looked at: what is changed from now on is not in this plan
        self.seen_revision = server.cluster.revision()
        if seen_revision is not None:
            self.seen_revision = min(seen_revision, self.seen_revision)
        self._state = server.change_log.state_at(revision, keys)
        self._faults: dict[str, str] = {}
        self.plan = self._planned(keys)
        self._refuse_changed()

    def _planned(self, keys: Collection[Key] | None) -> Plan:
        there = {key: line for key, line in self._state.items() if line.data is not None}
        config = self._configuration(there)
        remove = set() if keys is None else set(keys) - there.keys()
        plan: Plan | None = None
        try:
            plan = Plan(self.server, config, self._principal, prune=keys is None, remove=remove)
        except Invalid as invalid:
            self._faults |= invalid.errors
        if plan is None or self._faults:
            raise Invalid(self._faults)
        return plan

    def _configuration(self, there: dict[Key, LoggedChange]) -> PlainSettings:
        """Return definitions and sources as an exported file has them; what cannot be put there is
        noted as a fault.
        """
        known = {one.kind for one in self.server.registry.types()}
        known |= {record.kind for record in self.server.definitions.all()}
        config: PlainSettings = {SERVICES: {}}
        for key, line in there.items():
            kind, type, name = key
            if is_package(key):
                config[SERVICES] |= self._sources(line)
            elif kind in known:
                config.setdefault(kind, {}).setdefault(type, {})[name] = line.data
            else:
                self._faults[".".join(key)] = missing_type(kind, type, ())
        return config

    def _sources(self, line: LoggedChange) -> dict[str, str]:
        try:
            return files_in(self.server, line.key[2], line)
        except NotFound as error:
            self._faults[".".join(line.key)] = error.detail
            return {}

    def _refuse_changed(self) -> None:
        """Raise `Conflict` naming what was changed since it was seen, and by whom."""
        keys = {step.key for step in self.plan.steps}
        newest = {line.key: line for line in self._changes_since(keys)}
        if newest:
            changes = ", ".join(
                f"{label(key)} at revision {line.revision} by {line.by or 'Hansa'}"
                for key, line in sorted(newest.items())
            )
            seen = f"you saw revision {self.seen_revision}"
            raise Conflict(f"changed by somebody else since, {seen}: {changes}")

    def _changes_since(self, keys: Collection[Key]) -> list[LoggedChange]:
        return self.server.change_log.after(self.seen_revision, keys)


def subjects_of(server: Server, revision: int) -> list[Key]:
    """Return the definitions and packages that a revision has changed.

    Raises `NotFound` for a revision without a line, and `Invalid` for one that changed none of them.
    """
    lines = server.change_log.lines([revision])
    if not lines:
        raise NotFound(f"the history has no revision {revision}")
    found = [line.key for line in lines if is_state(line)]
    if not found:
        events = ", ".join(f"{line.action} {' '.join(filter(None, line.key))}" for line in lines)
        why = f"changed no definition and no file, and cannot be taken back: {events}"
        raise Invalid({"revision": f"{revision} {why}"})
    return found


def is_state(line: LoggedChange) -> bool:
    """Whether a line says in which state a definition or package is; others are events."""
    return line.data is not None or line.action == "delete"


def refuse_unknown(server: Server, revision: int, keys: Iterable[Key]) -> None:
    """Raise one `Invalid` naming all that is there neither now nor at a revision."""
    wanted = list(keys)
    known = server.change_log.state_at(revision, wanted).keys()
    now = server.change_log.state_at(server.cluster.revision(), wanted).keys()
    faults = {
        ".".join(key): f"there is no {label(key)}, and there was none at revision {revision}"
        for key in wanted
        if key not in known and key not in now
    }
    if faults:
        raise Invalid(faults)
