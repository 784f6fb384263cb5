"""The configure plane: what a definition must satisfy before it is stored, and who has applied a change afterwards."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from ..contract.kinds import Edit, Key
from ..deployment.deploy import import_name, importers, packages, trial
from ..foundation.errors import Conflict, HansaError, Invalid, NotFound
from ..odb.keys import Keys
from ..plugins.registry import Registry
from ..runtime.objects import references
from ..settings.model import Model, dump, fields, load, resolve
from .store import Checked, Reference, Row, Stale, Store, label

_NAME = re.compile(r"[^\x00-\x1f\x7f/\ud800-\udfff]{1,200}")
APPLY_WAIT = 5.0
SILENT = 15.0


class Definitions:
    """Validates, stores and deletes definitions and service sources, and waits until the workers of the cluster have them.

    `wake` makes this worker look at the change log; `secret` resolves references of plugins, such as `{"$vault": ...}`.
    """

    def __init__(
        self, store: Store, registry: Registry, keys: Keys, bus: Any, wake: Any, secret: Any
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
        return load(
            model,
            resolve(model.upgrade(dict(row.data)), self._special),
            strict=not _refers(row.data),
        )

    def _special(self, reference: str, value: Any) -> str:
        if reference == "$encrypted":
            return self.keys.decrypt(value)
        if (found := self._secret(reference=reference.removeprefix("$"), value=value)) is None:
            raise Invalid(f"nothing resolves the reference {reference}")
        return str(found)

    def definitions(self, kind: str | None = None, type: str | None = None) -> list[Row]:
        """Stored and built-in definitions, sorted."""
        rows = self.store.definitions(kind, type)
        rows += [
            row
            for row in self.builtin.values()
            if kind in (None, row.kind) and type in (None, row.type)
        ]
        return sorted(rows, key=lambda row: row.key)

    def definition(self, kind: str, type: str, name: str) -> Row:
        """One definition; raises `NotFound`."""
        if (
            row := self.builtin.get((kind, type, name)) or self.store.definition(kind, type, name)
        ) is None:
            raise NotFound(f"{label((kind, type, name))} does not exist")
        return row

    # -- change ------------------------------------------------------------------------------------------------------

    @cached_property
    def _taken(self) -> dict[tuple[str, str], Row]:
        """The claims of what is built in, by kind and claim."""
        rows = [(row, self.registry.known(row.kind, row.type).cls) for row in self.builtin.values()]
        return {
            (row.kind, claim): row
            for row, cls in rows
            for claim in _claims(cls, row, self.read(row))
        }

    def check(self, edit: Edit) -> Checked:
        """An edit with its data as it is to be stored, its references and claims; raises `Invalid` with all faults.

        Nothing is written, and no other definition is looked at.
        """
        kind, type, name = edit.key
        known = self.registry.known(kind, type)
        if edit.key in self.builtin:
            raise Conflict(f"{label(edit.key)} comes with a plugin and cannot be changed")
        if edit.data is None:
            return edit, (), ()
        if not _NAME.fullmatch(name):
            raise Invalid(
                {"name": "must have 1 to 200 characters, none of them / or a control character"}
            )
        data, seen = known.model.upgrade(dict(edit.data)), edit.seen_revision
        if edit.mode == "edit":
            old = self.definition(*edit.key)
            data, seen = {**known.model.upgrade(dict(old.data)), **edit.data}, seen or old.revision
        config = self.read(Row(kind, type, name, data))
        prepared = known.cls.prepare(config)
        named = references(self.registry, known.model, prepared)
        row = Row(kind, type, name, _stored(data, prepared, config, self.keys.encrypt))
        claims = _claims(known.cls, row, prepared)
        for claim in claims:
            if other := self._taken.get((kind, claim)):
                raise Conflict(
                    f"{label(row.key)} needs {claim}, which the built-in {label(other.key)} has"
                )
        return replace(edit, data=row.data, seen_revision=seen), named, claims

    def _is_builtin(self, reference: Reference) -> bool:
        if reference.kind == "service":
            try:
                return self.registry.service(reference.name).version == 0
            except NotFound:
                return False
        return any(
            (k, n) == (reference.kind, reference.name) and reference.type in ("", t)
            for k, t, n in self.builtin
        )

    def change(
        self, edits: Iterable[Edit], *, by: str = "", wait: bool = True, paths: bool = True
    ) -> dict[str, Any]:
        """Define and delete many definitions in one transaction, all of them or none; tells who has applied it.

        They may refer to each other in any order. Raises one `Invalid` with all faults by `kind.type.name.setting`; without
        `paths` the error of a definition as it is.
        """
        checked, errors = list[Checked](), dict[Key, HansaError]()
        for edit in edits:
            try:
                checked.append(self.check(edit))
            except HansaError as error:
                if not paths:
                    raise
                checked.append((edit, (), ()))
                errors[edit.key] = error
        revision = self.store.change(
            checked, builtin=self._is_builtin, errors=errors, paths=paths, by=by
        )
        return self.announce(revision, wait)

    def define(
        self,
        kind: str,
        type: str,
        name: str,
        data: dict[str, Any],
        *,
        by: str = "",
        wait: bool = True,
        **options: Any,
    ) -> dict[str, Any]:
        """Create, edit (given settings over the stored ones) or set a definition; tells who has applied it.

        Options are `mode`, `seen_revision` and `declared` of an `Edit`. Raises `Invalid`, `NotFound`, `Conflict`.
        """
        return self.change(
            [Edit((kind, type, name), data, **options)], by=by, wait=wait, paths=False
        )

    def delete(
        self, kind: str, type: str, name: str, *, by: str = "", **options: Any
    ) -> dict[str, Any]:
        """Delete a definition; raises `NotFound`, or `Conflict` naming its users. The option is `seen_revision`."""
        return self.change([Edit((kind, type, name), **options)], by=by, paths=False)

    # -- services ----------------------------------------------------------------------------------------------------

    def deploy(
        self,
        files: Mapping[str, str],
        *,
        gone: Iterable[str] = (),
        by: str = "",
        declared: bool = False,
        wait: bool = True,
    ) -> dict[str, Any]:
        """Try sources, by path, with all that imports them, in a child process; store them and have them loaded everywhere.

        All of them or none; packages that are to be `gone` go out of service by the same change. It is tried again if others
        deploy meanwhile. `declared`: it is remembered that config.toml says so. Gives `packages`, with file, version and services
        of each, and who has applied it. Raises `Invalid` with errors and their lines under `source`, and refused names under
        `file`; for what is to be gone `NotFound`, or `Conflict` naming what uses it.
        """
        wanted: dict[str, str | None] = {**packages(files), **dict.fromkeys(gone)}
        while True:
            seen, stored = (
                self.store.serving(),
                {p.file: p for p in self.store.packages(current=True)},
            )
            now = {file: p.source for file, p in stored.items()}
            changes = {
                f: new for f, new in wanted.items() if new is None or declared or now.get(f) != new
            }
            names = {import_name(file): file for file, new in changes.items() if new is not None}
            # a module that grew into a folder, or the other way round
            changes |= dict.fromkeys(
                file for file in seen if names.get(import_name(file), file) != file
            )
            after = {file: new for file, new in {**now, **changes}.items() if new is not None}
            if missing := [
                file for file, new in changes.items() if new is None and file not in seen
            ]:
                raise NotFound(f"no file {missing[0]!r} is deployed")
            lacking = {import_name(file) for file in changes} - names.keys()
            if users := importers(after, lacking):
                raise Conflict(
                    f"in use: {', '.join(sorted(lacking))} is imported by {', '.join(sorted(users))}"
                )
            services = (
                trial(after, names.values(), self.trial_timeout, self.trial_modules)
                if names
                else {}
            )
            for name in {name for given in services.values() for name in given.values()}:
                if self._is_builtin(Reference("", "service", "", name)):
                    raise Conflict(f"the service {name} comes with a plugin")
            versions, revision = dict[str, int](), self.store.revision()
            with contextlib.suppress(Stale):
                if changes:
                    versions, revision = self.store.deploy(
                        changes, services, seen=seen, by=by, declared=declared
                    )
                break
        told = []
        for file in [file for file, new in wanted.items() if new is not None]:
            given = sorted((services[file] if file in services else stored[file].services).values())
            told.append(
                {"file": file, "version": versions.get(file, seen.get(file)), "services": given}
            )
        return {"packages": told, **self.announce(revision, wait)}

    # -- who has it --------------------------------------------------------------------------------------------------

    def announce(self, revision: int, wait: bool = True) -> dict[str, Any]:
        """Nudge everybody and wait up to 5 s: the revision, and which workers have applied it or not yet."""
        self.wake()
        self.bus.nudge(revision)
        deadline = time.monotonic() + (APPLY_WAIT if wait else 0)
        pause = 0.002
        while True:
            reports = self.reports()
            pending = sorted(
                worker for worker, report in reports.items() if report["revision"] < revision
            )
            if not pending or time.monotonic() > deadline:
                return {
                    "revision": revision,
                    "applied": sorted(set(reports) - set(pending)),
                    "pending": pending,
                }
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def reports(self) -> dict[str, dict[str, Any]]:
        """What each worker that is alive reported last."""
        now = time.time()
        return {
            worker: report
            for worker, report in self.store.reports().items()
            if now - report["at"] < SILENT
        }


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
        kept = {
            name: values
            for name, values in parts.items()
            if name in given or values[0] != values[1]
        }
        return {name: _stored(given.get(name), *values, encrypt) for name, values in kept.items()}
    if isinstance(given, dict) and isinstance(new, dict):
        return {
            key: _stored(given.get(key), value, old.get(key), encrypt) for key, value in new.items()
        }
    if isinstance(given, list) and isinstance(new, list) and len(given) == len(new) == len(old):
        return [_stored(*three, encrypt) for three in zip(given, new, old, strict=True)]
    return dump(new, encrypt)


def _claims(cls: Any, row: Row, config: Any) -> list[str]:
    return [*cls.claims(config), *([f"the name {row.name}"] if row.kind == "security" else [])]
