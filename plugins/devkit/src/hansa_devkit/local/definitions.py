"""The definitions of a local server, in memory: stored and read, without references, claims or a
change log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

from hansa import (
    Applied,
    Conflict,
    DefinitionRecord,
    Definitions,
    Edit,
    HansaError,
    Invalid,
    Key,
    NotFound,
    PlainSettings,
    Registry,
    load,
)


class LocalDefinitions(Definitions):
    """Definitions in memory; the settings of those whose type the test hands in are validated."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._records: dict[Key, DefinitionRecord] = {}
        self.revision = 0

    def all(self, kind: str = "", type: str = "") -> list[DefinitionRecord]:
        """Return the definitions, of a kind and type or of all, sorted."""
        return [
            record
            for _, record in sorted(self._records.items())
            if kind in ("", record.kind) and type in ("", record.type)
        ]

    def get(self, kind: str, type: str, name: str) -> DefinitionRecord:
        """Return one definition; raises `NotFound`."""
        for record in self.all(kind, type):
            if record.name == name:
                return record
        raise NotFound(f"no {kind} {type} is named {name!r} in this test".replace("  ", " "))

    def exists(self, kind: str, type: str, name: str) -> bool:
        """Whether a definition, service or format of this name is there; an empty type means any."""
        try:
            if kind == "service":
                self._registry.service(name)
            elif kind == "format":
                self._registry.format(name)
            else:
                self.get(kind, type, name)
        except NotFound:
            return False
        return True

    def comparable(self, data: PlainSettings, salt: bytes = b"") -> PlainSettings:
        """Return settings as they are: nothing is encrypted in a test."""
        return data

    def validate(self, edits: Iterable[Edit], *, any_service: bool = False) -> dict[str, str]:
        """Return the faults of these edits by `kind.type.name.setting`; nothing is stored.

        Services are not looked up, so `any_service` changes nothing.
        """
        faults: dict[str, str] = {}
        for edit in edits:
            prefix = ".".join(edit.key)
            try:
                self._checked(edit)
            except Invalid as invalid:
                for setting, fault in invalid.errors.items():
                    faults[f"{prefix}.{setting}".rstrip(".")] = fault
            except HansaError as error:
                faults[prefix] = error.detail
        return faults

    def prepare(self, edits: Iterable[Edit], *, any_service: bool = False) -> list[Edit]:
        """Return these edits as they are; raises one `Invalid` with all faults."""
        wanted = list(edits)
        faults = self.validate(wanted)
        if faults:
            raise Invalid(faults)
        return wanted

    def change(self, edits: Iterable[Edit], *, by: str = "", wait: bool = True) -> Applied:
        """Make these edits, all of them or none; raises one `Invalid` with all faults."""
        for edit in self.prepare(edits):
            self._apply(edit)
        return Applied(self.revision, ["local"], [])

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
        """Create, edit or set one definition; raises `Invalid` by setting, `NotFound` or
        `Conflict`.
        """
        if mode not in ("create", "edit", "set"):
            raise Invalid({"mode": "must be create, edit or set"})
        how = cast(Literal["create", "edit", "set"], mode)
        edit = Edit((kind, type, name), data, how, seen_revision)
        self._checked(edit)
        self._apply(edit)
        return Applied(self.revision, ["local"], [])

    def delete(
        self, kind: str, type: str, name: str, *, seen_revision: int | None = None, by: str = ""
    ) -> Applied:
        """Delete one definition; raises `NotFound` or `Conflict`."""
        edit = Edit((kind, type, name), seen_revision=seen_revision)
        self._checked(edit)
        self._apply(edit)
        return Applied(self.revision, ["local"], [])

    def release(self, kind: str, type: str, name: str, *, by: str = "") -> Applied:
        """Do nothing: no definition is quarantined in a test; raises `NotFound`."""
        self.get(kind, type, name)
        return Applied(self.revision, ["local"], [])

    def _checked(self, edit: Edit) -> PlainSettings | None:
        """Return the settings that an edit leaves; raises what speaks against it."""
        stored = self._records.get(edit.key)
        must_exist = edit.data is None or edit.mode == "edit"
        if stored is None and must_exist:
            raise NotFound(f"{' '.join(edit.key)} is not there")
        if stored is not None and edit.data is not None and edit.mode == "create":
            raise Conflict(f"{' '.join(edit.key)} is there already")
        if edit.seen_revision not in (None, stored.revision if stored else 0):
            raise Conflict(f"{' '.join(edit.key)} was changed meanwhile")
        if edit.data is None:
            return None
        settings = dict(edit.data)
        if stored is not None and edit.mode == "edit":
            settings = {**stored.data, **edit.data}
        self._validate(edit.key, settings)
        return settings

    def _validate(self, key: Key, settings: PlainSettings) -> None:
        kind, type, _ = key
        try:
            model = self._registry.type(kind, type).model
        except NotFound:
            return
        load(model, settings)

    def _apply(self, edit: Edit) -> None:
        settings = self._checked(edit)
        self.revision += 1
        if settings is None:
            del self._records[edit.key]
        else:
            self._records[edit.key] = DefinitionRecord(*edit.key, settings, self.revision)
