"""The configure plane: what a definition must satisfy before it is stored, and who has applied a change afterwards."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from .deploy import trial
from .errors import Conflict, Invalid, NotFound
from .keys import Keys
from .kinds import KINDS
from .objects import check_formats, references
from .registry import Registry
from .settings import Model, dump, fields, load, resolve
from .store import Reference, Row, Store, label

_NAME = re.compile(r"[^\x00-\x1f\x7f/\ud800-\udfff]{1,200}")
APPLY_WAIT = 5.0
SILENT = 15.0


class Definitions:
    """Validates, stores and deletes definitions and service sources, and waits until the workers of the cluster have them.

    `wake` makes this worker look at the change log; `secret` resolves references of plugins, such as `{"$vault": ...}`.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        keys: Keys,
        bus: Any,
        wake: Callable[[], None],
        secret: Callable[..., Any],
    ) -> None:
        self.store, self.registry, self.keys, self.bus = store, registry, keys, bus
        self.wake, self._secret = wake, secret
        self.builtin: dict[tuple[str, str, str], Row] = {}
        self.trial_timeout, self.trial_modules = 10.0, list[str]()

    # -- read --------------------------------------------------------------------------------------------------------

    def read(self, row: Row) -> Any:
        """The config of a definition: secrets and references resolved, brought to today's shape; raises `Invalid`."""
        model = self.registry.known(row.kind, row.type).model
        # what the environment or a file gives is text, also for numbers
        return load(model, resolve(model.upgrade(dict(row.data)), self._special), strict=not _refers(row.data))

    def _special(self, reference: str, value: Any) -> str:
        if reference == "$encrypted":
            return self.keys.decrypt(value)
        found = self._secret(reference=reference.removeprefix("$"), value=value)
        if found is None:
            raise Invalid(f"nothing resolves the reference {reference}")
        return str(found)

    def definitions(self, kind: str | None = None, type: str | None = None) -> list[Row]:
        """Stored and built-in definitions, sorted."""
        rows = self.store.definitions(kind, type)
        rows += [row for row in self.builtin.values() if kind in (None, row.kind) and type in (None, row.type)]
        return sorted(rows, key=lambda row: row.key)

    def definition(self, kind: str, type: str, name: str) -> Row:
        """One definition; raises `NotFound`."""
        row = self.builtin.get((kind, type, name)) or self.store.definition(kind, type, name)
        if row is None:
            raise NotFound(f"{label((kind, type, name))} does not exist")
        return row

    # -- change ------------------------------------------------------------------------------------------------------

    def _validated(
        self, kind: str, type: str, name: str, data: dict[str, Any]
    ) -> tuple[Row, list[Reference], list[str]]:
        """What would be stored, with references and claims; raises `Invalid` with all faults. Nothing is written."""
        known = self.registry.known(kind, type)
        if not _NAME.fullmatch(name):
            raise Invalid({"name": "must have 1 to 200 characters, none of them / or a control character"})
        data = known.model.upgrade(dict(data))
        config = self.read(Row(kind, type, name, data))
        check_formats(self.registry, known.model, config)
        prepared = known.cls.prepare(config)
        row = Row(kind, type, name, _stored(data, prepared, config, self.keys.encrypt))
        claims = _claims(known.cls, row, prepared)
        for other in self.builtin.values():
            taken = set(claims) & set(_claims_of(self, other)) if other.kind == kind else None
            if taken:
                raise Conflict(f"{label(row.key)} needs {taken.pop()}, which the built-in {label(other.key)} has")
        return row, references(known.model, row, prepared), claims

    def validate(self, kind: str, type: str, name: str, data: dict[str, Any]) -> Row:
        """What `define` would store; raises `Invalid` with all faults. References to other definitions are not looked up."""
        return self._validated(kind, type, name, data)[0]

    def _is_builtin(self, reference: Reference) -> bool:
        if reference.kind == "service":
            return any(d.name == reference.name and d.version == 0 for d in self.registry.services())
        wanted = (reference.kind, reference.name)
        return any((k, n) == wanted and reference.type in ("", t) for k, t, n in self.builtin)

    def define(
        self,
        kind: str,
        type: str,
        name: str,
        data: dict[str, Any],
        *,
        mode: str = "set",
        seen_revision: int | None = None,
        by: str = "",
        declared: str | None = None,
        wait: bool = True,
    ) -> dict[str, Any]:
        """Create, edit (given settings over the stored ones) or set a definition; tells who has applied it.

        Raises `Invalid`, `NotFound`, `Conflict`.
        """
        self._refuse_builtin(kind, type, name)
        if mode == "edit":
            old = self.definition(kind, type, name)
            known = self.registry.known(kind, type).model.upgrade(dict(old.data))
            data, seen_revision = {**known, **data}, seen_revision or old.revision
        row, found, claims = self._validated(kind, type, name, data)
        revision = self.store.define(
            row,
            mode=mode,
            references=found,
            claims=claims,
            builtin=self._is_builtin,
            seen_revision=seen_revision,
            by=by,
            declared=declared,
        )
        return self.announce(revision, wait)

    def delete(
        self, kind: str, type: str, name: str, *, seen_revision: int | None = None, by: str = ""
    ) -> dict[str, Any]:
        """Delete a definition; raises `NotFound`, or `Conflict` naming its users."""
        self._refuse_builtin(kind, type, name)
        return self.announce(self.store.delete(kind, type, name, seen_revision=seen_revision, by=by))

    def _refuse_builtin(self, kind: str, type: str, name: str) -> None:
        self.registry.known(kind, type)
        if (kind, type, name) in self.builtin:
            raise Conflict(f"{kind} {type} {name!r} comes with a plugin and cannot be changed")

    # -- services ----------------------------------------------------------------------------------------------------

    def deploy(
        self, file: str, source: str, *, by: str = "", declared: str | None = None, wait: bool = True
    ) -> dict[str, Any]:
        """Try a source in a child process, store it and have it loaded everywhere.

        Gives file, version, services, and who has applied it. Raises `Invalid` with the error and its line under `source`.
        """
        services = trial(file, source, self.trial_timeout, self.trial_modules)
        for name in services.values():
            if self._is_builtin(Reference("", "service", "", name)):
                raise Conflict(f"the service {name} comes with a plugin")
        current = self.store.package(file)
        if current is not None and current.source == source and declared is None:
            answer = self.announce(self.store.revision(), wait)
            return {"file": file, "version": current.version, "services": sorted(services.values()), **answer}
        version, revision = self.store.deploy(file, source, services, by=by, declared=declared)
        found = sorted(services.values())
        return {"file": file, "version": version, "services": found, **self.announce(revision, wait)}

    def rollback(self, file: str, version: int | None = None, *, by: str = "") -> dict[str, Any]:
        """Bring back an older version of a file, by default the one before."""
        version, revision = self.store.rollback(file, version, by=by)
        package = self.store.package(file)
        services = sorted(package.services.values()) if package else []
        return {"file": file, "version": version, "services": services, **self.announce(revision)}

    def delete_service(self, name: str, *, by: str = "") -> dict[str, Any]:
        """Take the file that gives a service (or the file of that name) out of service; raises `Conflict` naming users."""
        file = name if name.endswith(".py") else self.registry.service(name).origin
        if file.startswith("plugin "):
            raise Invalid({"name": f"{name} comes with the {file}"})
        return {"file": file, **self.announce(self.store.undeploy(file, by=by))}

    def packages(self) -> list[dict[str, Any]]:
        """All versions of all deployed files, without their sources."""
        return [
            {
                "file": p.file,
                "version": p.version,
                "current": p.current,
                "sha256": p.sha256,
                "services": sorted(p.services.values()),
                "deployed_at": p.at,
                "by": p.by,
            }
            for p in self.store.packages()
        ]

    def source(self, file: str, version: int | None = None) -> str:
        """The source of one version of a file, by default the current one."""
        package = self.store.package(file, version)
        if package is None:
            raise NotFound(f"no file {file!r}" + (f" of version {version}" if version else "") + " is deployed")
        return package.source

    # -- who has it --------------------------------------------------------------------------------------------------

    def announce(self, revision: int, wait: bool = True) -> dict[str, Any]:
        """Nudge everybody and wait up to 5 s: the revision, and which workers have applied it or not yet."""
        self.wake()
        self.bus.nudge(revision)
        deadline = time.monotonic() + (APPLY_WAIT if wait else 0)
        pause = 0.002
        while True:
            reports = self.reports()
            pending = sorted(worker for worker, report in reports.items() if report["revision"] < revision)
            if not pending or time.monotonic() > deadline:
                return {"revision": revision, "applied": sorted(set(reports) - set(pending)), "pending": pending}
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def reports(self) -> dict[str, dict[str, Any]]:
        """What each worker that is alive reported last."""
        now = time.time()
        return {worker: report for worker, report in self.store.reports().items() if now - report["at"] < SILENT}


def _is_reference(given: Any) -> bool:
    return isinstance(given, dict) and len(given) == 1 and str(next(iter(given))).startswith("$")


def _refers(given: Any) -> bool:
    """Whether plain data is or contains a reference such as `{"$env": "X"}`; stored secrets do not count."""
    if _is_reference(given):
        return "$encrypted" not in given
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return any(map(_refers, parts))


def _stored(given: Any, new: Any, old: Any, encrypt: Callable[[str], Any]) -> Any:
    """What is stored of a setting that was `old` before its type prepared it: references as given, secrets encrypted."""
    if _is_reference(given) and (new == old or "$encrypted" not in given):
        return given
    if isinstance(given, dict) and isinstance(new, Model):
        parts = {f.name: (getattr(new, f.name), getattr(old, f.name)) for f in fields(type(new))}
        kept = {name: values for name, values in parts.items() if name in given or values[0] != values[1]}
        return {name: _stored(given.get(name), *values, encrypt) for name, values in kept.items()}
    if isinstance(given, dict) and isinstance(new, dict):
        return {key: _stored(given.get(key), value, old.get(key), encrypt) for key, value in new.items()}
    if isinstance(given, list) and isinstance(new, list) and len(given) == len(new) == len(old):
        return [_stored(*three, encrypt) for three in zip(given, new, old, strict=True)]
    return dump(new, encrypt)


def _claims(cls: Any, row: Row, config: Any) -> list[str]:
    return [*cls.claims(config), *([f"the name {row.name}"] if row.kind == "security" else [])]


def _claims_of(definitions: Definitions, row: Row) -> list[str]:
    known = definitions.registry.known(row.kind, row.type)
    return _claims(known.cls, row, definitions.read(row))


def in_order(rows: list[Row]) -> list[Row]:
    """Definitions so that what is referred to comes first: security, outgoing, channel, with other kinds before."""
    order = {kind: index for index, kind in enumerate(KINDS)}
    return sorted(rows, key=lambda row: order.get(row.kind, -1))
