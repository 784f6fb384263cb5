"""Definitions: what one must satisfy before it is stored, and the one way to change them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal, cast

from ..contract.kinds import Definition, DefinitionSettings
from ..contract.records import Applied, DefinitionRecord, Edit, Key, PlainSettings, Reference, label
from ..contract.registry import Registry
from ..contract.server import Definitions as DefinitionsContract
from ..foundation.errors import Conflict, HansaError, Invalid, NotFound
from ..odb.keys import Keys
from ..settings.model import Model, dump, fields, load, resolve
from .references import references
from .store import Checked, Store, faults_by_path

_NAME = re.compile(r"[^\x00-\x1f\x7f/\ud800-\udfff]{1,200}")


class Definitions(DefinitionsContract):
    """Validates, stores and deletes definitions.

    `announce(revision, wait=...)` tells the workers of a change; `resolve_secret(name, value)` resolves references of plugins, such as
    `{"$vault": ...}`. `builtin` holds the definitions that plugins bring.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        keys: Keys,
        announce: Callable[..., Applied],
        resolve_secret: Callable[[str, object], str | None],
    ) -> None:
        self.store = store
        self.registry = registry
        self.keys = keys
        self.announce = announce
        self.builtin: dict[Key, DefinitionRecord] = {}
        self._resolve_secret = resolve_secret
        self._builtin_claims: dict[tuple[str, str], DefinitionRecord] | None = None

    # -- read --------------------------------------------------------------------------------------------------------

    def read(self, record: DefinitionRecord) -> DefinitionSettings:
        """Return the settings of a definition, secrets and references resolved, in today's shape; raises `Invalid`."""
        model = self.registry.type(record.kind, record.type).model
        plain = resolve(model.upgrade(dict(record.data)), self._resolve)
        # what the environment or a file gives is text, also for numbers
        config = load(model, plain, strict=not _refers(record.data))
        return cast(DefinitionSettings, config)

    def _resolve(self, reference: str, value: Any) -> str:
        if reference == "$encrypted":
            return self.keys.decrypt(value)
        found = self._resolve_secret(reference.removeprefix("$"), value)
        if found is None:
            raise Invalid(f"nothing resolves the reference {reference}")
        return found

    def all(self, kind: str = "", type: str = "") -> list[DefinitionRecord]:
        """Return stored and built-in definitions, of a kind and type or of all, sorted by kind, type and name."""
        found = self.store.definitions(kind or None, type or None)
        for record in self.builtin.values():
            if kind in ("", record.kind) and type in ("", record.type):
                found.append(record)
        return sorted(found, key=lambda record: record.key)

    def get(self, kind: str, type: str, name: str) -> DefinitionRecord:
        """Return one definition; raises `NotFound`."""
        key = (kind, type, name)
        found = self.builtin.get(key) or self.store.definition(*key)
        if found is None:
            raise NotFound(f"{label(key)} does not exist")
        return found

    def exists(self, kind: str, type: str, name: str) -> bool:
        """Whether a definition, service or format of this name is there; an empty type means any."""
        try:
            if kind == "service":
                self.registry.service(name)
                return True
            if kind == "format":
                self.registry.format(name)
                return True
        except NotFound:
            return False
        if self.store.definitions(kind, type or None, name):
            return True
        return any(
            record.kind == kind and record.name == name and type in ("", record.type)
            for record in self.builtin.values()
        )

    # -- change ------------------------------------------------------------------------------------------------------

    def check(self, edit: Edit) -> Checked:
        """Return an edit with its data as it is to be stored, its references and claims; raises `Invalid` with all faults.

        Nothing is written, and no other definition is looked at.
        """
        kind, type, name = edit.key
        registered = self.registry.type(kind, type)
        if edit.key in self.builtin:
            raise Conflict(f"{label(edit.key)} comes with a plugin and cannot be changed")
        if edit.data is None:
            return edit, (), ()
        if not _NAME.fullmatch(name):
            raise Invalid(
                {"name": "must have 1 to 200 characters, none of them / or a control character"}
            )
        model = registered.model
        data = model.upgrade(dict(edit.data))
        seen = edit.seen_revision
        if edit.mode == "edit":
            old = self.get(*edit.key)
            data = merged(model, model.upgrade(dict(old.data)), data)
            seen = seen or old.revision
        config = self.read(DefinitionRecord(kind, type, name, data))
        prepared = registered.cls.prepare(config)
        named = references(self.registry, model, prepared)
        stored = _stored(data, prepared, config, self.keys.encrypt)
        claims = _claims(registered.cls, edit.key, prepared)
        for claim in claims:
            other = self._claimed_by_builtin(kind, claim)
            if other is not None:
                raise Conflict(
                    f"{label(edit.key)} needs {claim}, which the built-in {label(other.key)} has"
                )
        return replace(edit, data=stored, seen_revision=seen), named, claims

    def preview(self, kind: str, type: str, name: str, data: PlainSettings) -> DefinitionRecord:
        """Return the record that these settings would be stored as; raises `Invalid` with all faults."""
        edit, _, _ = self.check(Edit((kind, type, name), data))
        return DefinitionRecord(kind, type, name, edit.data or {})

    def _claimed_by_builtin(self, kind: str, claim: str) -> DefinitionRecord | None:
        if self._builtin_claims is None:
            found: dict[tuple[str, str], DefinitionRecord] = {}
            for record in self.builtin.values():
                cls = self.registry.type(record.kind, record.type).cls
                for one in _claims(cls, record.key, self.read(record)):
                    found[record.kind, one] = record
            self._builtin_claims = found
        return self._builtin_claims.get((kind, claim))

    def _is_builtin(self, reference: Reference) -> bool:
        """Whether a reference is to something outside the store."""
        if reference.kind == "service":
            try:
                return self.registry.service(reference.name).version == 0
            except NotFound:
                return False
        return any(
            record.kind == reference.kind
            and record.name == reference.name
            and reference.type in ("", record.type)
            for record in self.builtin.values()
        )

    def _check_all(self, edits: Iterable[Edit]) -> tuple[list[Checked], dict[Key, HansaError]]:
        checked: list[Checked] = []
        errors: dict[Key, HansaError] = {}
        for edit in edits:
            try:
                checked.append(self.check(edit))
            except HansaError as error:
                checked.append((edit, (), ()))
                errors[edit.key] = error
        return checked, errors

    def validate(self, edits: Iterable[Edit]) -> dict[str, str]:
        """Return everything that speaks against these edits, made together, by `kind.type.name.setting`; nothing is stored."""
        checked, errors = self._check_all(edits)
        return faults_by_path(self.store.errors(checked, builtin=self._is_builtin, errors=errors))

    def change(self, edits: Iterable[Edit], *, by: str = "", wait: bool = True) -> Applied:
        """Make these edits in one transaction, all of them or none; they may refer to each other in any order.

        Raises one `Invalid` with all faults by `kind.type.name.setting`.
        """
        checked, errors = self._check_all(edits)
        revision = self.store.change(
            checked, builtin=self._is_builtin, errors=errors, paths=True, by=by
        )
        return self.announce(revision, wait=wait)

    def define(
        self,
        kind: str,
        type: str,
        name: str,
        data: PlainSettings,
        *,
        mode: str = "set",
        seen_revision: int | None = None,
        by: str = "",
        wait: bool = True,
    ) -> Applied:
        """Create, edit or set one definition, as `Edit` says; raises `Invalid` by setting, `NotFound` or `Conflict`."""
        how = cast(Literal["create", "edit", "set"], mode)
        edit = Edit((kind, type, name), data, how, seen_revision)
        return self._change_one(edit, by, wait)

    def delete(
        self, kind: str, type: str, name: str, *, seen_revision: int | None = None, by: str = ""
    ) -> Applied:
        """Delete one definition; raises `NotFound`, or `Conflict` naming what uses it."""
        edit = Edit((kind, type, name), seen_revision=seen_revision)
        return self._change_one(edit, by, wait=True)

    def _change_one(self, edit: Edit, by: str, wait: bool) -> Applied:
        revision = self.store.change([self.check(edit)], builtin=self._is_builtin, by=by)
        return self.announce(revision, wait=wait)


def merged(model: type[Model], old: PlainSettings, new: PlainSettings) -> PlainSettings:
    """Return the given settings over the stored ones; a setting that is a section is merged setting by setting."""
    found = {**old, **new}
    for field in fields(model):
        before = old.get(field.name)
        given = new.get(field.name)
        is_section = isinstance(field.type, type) and issubclass(field.type, Model)
        if is_section and isinstance(before, dict) and isinstance(given, dict):
            found[field.name] = {**before, **given}
    return found


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


def _claims(cls: type[Definition], key: Key, config: DefinitionSettings) -> list[str]:
    """Return what only one definition of a kind may have; the names of security definitions are unique over all types."""
    kind, _, name = key
    found = list(cls.claims(config))
    if kind == "security":
        found.append(f"the name {name}")
    return found
