"""What one definition must satisfy by itself before it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias, cast

from ..contract.kinds import Definition, DefinitionSettings
from ..contract.records import DefinitionRecord, Edit, Key, PlainSettings, Reference, label
from ..contract.registry import RegisteredType, Registry
from ..foundation.errors import Conflict, Invalid, NotFound
from ..odb.keys import ENCRYPTED, Keys
from ..settings.faults import Faults, explain
from ..settings.model import Model, fields
from ..settings.validate import load
from .edit import NAME_RULE, CheckedEdit, is_name, merged
from .judge import not_there
from .open_doors import security_faults
from .references import references
from .stored_form import is_looked_up, resolve_all, stored_settings

ResolveSecret: TypeAlias = Callable[[str, object], str | None]
"""Resolves references of plugins, such as `{"$vault": "path"}`, of `vault` and the path; None if no
plugin does.
"""


class Validator:
    """Checks edits one by one. `builtin` holds the definitions of plugins, `stored(kind, type,
    name)` returns what is edited.
    """

    def __init__(
        self,
        registry: Registry,
        keys: Keys,
        resolve_secret: ResolveSecret,
        builtin: Mapping[Key, DefinitionRecord],
        stored: Callable[[str, str, str], DefinitionRecord],
    ) -> None:
        self._registry = registry
        self._keys = keys
        self._resolve_secret = resolve_secret
        self._builtin = builtin
        self._stored = stored
        self._builtin_claims: dict[tuple[str, str], DefinitionRecord] | None = None
        self._builtin_settings: dict[str, list[DefinitionSettings]] = {}

    def read(self, record: DefinitionRecord) -> DefinitionSettings:
        """Return the settings of a definition, references resolved, in today's shape, or `Invalid`."""
        model = self._registry.type(record.kind, record.type).model
        faults: Faults = {}
        config, _ = self._load(model, self.upgrade(record).data, faults)
        if config is None:
            raise Invalid(faults)
        return cast(DefinitionSettings, config)

    def read_to_run(self, record: DefinitionRecord) -> DefinitionSettings:
        """Return the settings of a definition whose object is to run, or raise `Invalid`.

        What was stored before it was refused is refused here.
        """
        registered = self._registry.type(record.kind, record.type)
        cls = registered.cls
        if record.kind == "channel":
            _refuse_lost_sections(registered.model, record.data)
        config = self.read(record)
        faults = security_faults(cls, config, self._registry)
        if faults:
            raise Invalid(faults)
        if not record.builtin:
            reserved = self._reserved(record.kind, cls, config)
            if reserved:
                raise Invalid(reserved)
        return config

    def upgrade(self, record: DefinitionRecord) -> DefinitionRecord:
        """Return a definition with its settings in today's shape; as stored, where the plugin of its
        type is gone.
        """
        try:
            model = self._registry.type(record.kind, record.type).model
        except NotFound:
            return record
        return replace(record, data=model.upgrade(dict(record.data)))

    def changes(self, edit: CheckedEdit, stored: DefinitionRecord) -> bool:
        """Whether an edit changes what is stored of its definition; one that has something looked up
        may, since what is found is another at any time.
        """
        data = edit.edit.data
        if data is None or edit.errors or is_looked_up(data):
            return True
        faults: Faults = {}
        before = resolve_all(stored.data, self._resolve, faults)
        after = resolve_all(data, self._resolve, faults)
        return bool(faults) or before != after

    def check(self, edit: Edit) -> CheckedEdit:
        """Return an edit with its data as it is to be stored, its references and claims, and all
        that is wrong with it.

        Nothing is written; of other definitions, only those of plugins are looked at. Raises
        `NotFound`, `Conflict`, or what a vault raises.
        """
        if edit.key in self._builtin:
            raise Conflict(f"{label(edit.key)} comes with a plugin and cannot be changed")
        if edit.data is None:
            # also where the plugin of its type is gone
            return CheckedEdit(edit)
        registered = self._registry.type(*edit.key[:2])
        try:
            return self._check_settings(edit, edit.data, registered)
        except RecursionError:
            raise Invalid("nested too deeply") from None

    def _check_settings(
        self, edit: Edit, data: PlainSettings, registered: RegisteredType
    ) -> CheckedEdit:
        faults: Faults = {}
        if not is_name(edit.key[2]):
            faults["name"] = NAME_RULE
        elif edit.mode == "edit":
            edit, data = self._with_stored(edit, data, registered.model)
        data = registered.model.upgrade(dict(data))
        config, plain = self._load(registered.model, data, faults)
        if config is None:
            named = self._references(registered.model, plain, faults)
            return CheckedEdit(edit, named, errors=(Invalid(faults),))
        prepared = registered.cls.prepare(config)
        named = self._references(registered.model, prepared, faults)
        faults.update(security_faults(registered.cls, prepared, self._registry))
        if faults:
            return CheckedEdit(edit, named, errors=(Invalid(faults),))
        claims = claims_of(registered.cls, edit.key, prepared)
        self._refuse_builtin_claims(edit.key, claims)
        reserved = self._reserved(edit.key[0], registered.cls, prepared)
        if reserved:
            raise Conflict(f"{label(edit.key)}: {reserved}")
        stored = stored_settings(data, prepared, config, self._keys.encrypt)
        stored_edit = replace(edit, data=stored)
        return CheckedEdit(stored_edit, named, tuple(claims), acyclic=registered.cls.acyclic)

    def _with_stored(
        self, edit: Edit, data: PlainSettings, model: type[Model]
    ) -> tuple[Edit, PlainSettings]:
        """Return an edit that builds on what is stored, and all its settings."""
        old = self._stored(*edit.key)
        whole = merged(model, old.data, model.upgrade(dict(data)))
        return replace(edit, seen_revision=edit.seen_revision or old.revision), whole

    def _load(
        self, model: type[Model], data: PlainSettings, faults: Faults
    ) -> tuple[Model | None, PlainSettings]:
        """Return settings as their model, None if they have faults, and as plain data, resolved."""
        unresolved: Faults = {}
        plain = cast(PlainSettings, resolve_all(data, self._resolve, unresolved))
        # what the environment or a file provides is text, also for numbers
        strict = not is_looked_up(data)
        config: Model | None = None
        if unresolved:
            invalid = explain(plain, model, strict=strict, unknown=True)
        else:
            invalid = None
            try:
                config = load(model, plain, strict=strict)
            except Invalid as error:
                invalid = error
        if invalid is not None:
            found = invalid.errors.items()
            faults.update({path: fault for path, fault in found if not _within(path, unresolved)})
        faults.update(unresolved)
        return config, plain

    def _resolve(self, reference: str, value: object) -> str:
        if reference == ENCRYPTED:
            return self._keys.decrypt(cast(str, value))
        found = self._resolve_secret(reference.removeprefix("$"), value)
        if found is None:
            raise Invalid(f"nothing resolves the reference {reference}")
        return found

    def _references(
        self, model: type[Model], settings: PlainSettings | Model, faults: Faults
    ) -> frozenset[Reference]:
        """Return what settings refer to; formats, which are not stored, are looked up here."""
        found = set()
        for one in references(model, settings):
            if one.kind != "format":
                found.add(one)
            elif not self._has_format(one.name):
                faults[one.setting] = not_there(one)
        return frozenset(found)

    def _has_format(self, name: str) -> bool:
        try:
            self._registry.format(name)
        except NotFound:
            return False
        return True

    def _refuse_builtin_claims(self, key: Key, claims: Iterable[str]) -> None:
        """Raise `Conflict` for a claim that a definition of a plugin has."""
        if self._builtin_claims is None:
            self._builtin_claims = self._claims_of_builtin()
        for claim in claims:
            other = self._builtin_claims.get((key[0], claim))
            if other is not None:
                needs = f"{label(key)} needs {claim}"
                raise Conflict(f"{needs}, which the built-in {label(other.key)} has")

    def _reserved(self, kind: str, cls: type[Definition], config: Model) -> str:
        """Return why settings ask for what belongs to Hansa or a plugin; an empty text if not."""
        if kind not in self._builtin_settings:
            records = [record for record in self._builtin.values() if record.kind == kind]
            self._builtin_settings[kind] = [self.read(record) for record in records]
        return cls.reserved(config, self._builtin_settings[kind])

    def _claims_of_builtin(self) -> dict[tuple[str, str], DefinitionRecord]:
        found: dict[tuple[str, str], DefinitionRecord] = {}
        for record in self._builtin.values():
            cls = self._registry.type(record.kind, record.type).cls
            for claim in claims_of(cls, record.key, self.read(record)):
                found[record.kind, claim] = record
        return found


def claims_of(cls: type[Definition], key: Key, config: Model) -> list[str]:
    """Return what only one definition of a kind may have, the name of a security definition too."""
    kind, _, name = key
    found = list(cls.claims(config))
    if kind == "security":
        found.append(f"the name {name}")
    return found


def _refuse_lost_sections(model: type[Model], data: PlainSettings) -> None:
    """Raise `Invalid` for sections of settings that no plugin declares any more: a channel must not
    run without what they demand.
    """
    declared = {field.name for field in fields(model)}
    faults: Faults = {}
    for name, value in data.items():
        if name not in declared and isinstance(value, Mapping):
            faults[name] = "the plugin that adds this section to channels is not loaded"
    if faults:
        raise Invalid(faults)


def _within(path: str, places: Iterable[str]) -> bool:
    """Whether a path is one of these places or leads into it."""
    return any(path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)
