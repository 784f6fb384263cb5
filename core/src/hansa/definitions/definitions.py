"""Definitions as core and plugins see them: what is there, and the one way to change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, cast

from ..contract.kinds import DefinitionSettings
from ..contract.records import Applied, DefinitionRecord, Edit, Key, PlainSettings, Reference, label
from ..contract.registry import Registry
from ..contract.server import Definitions as DefinitionsContract
from ..foundation.errors import HansaError, Invalid, NotFound
from ..odb.keys import Keys
from ..odb.secret_marks import marked
from ..odb.transaction import Transaction
from .edit import CheckedEdit, combined, faults_by_path
from .store import DefinitionStore
from .validate import ResolveSecret, Validator

RELEASE = "release"
"""The kind of a line of the change log by which a quarantined definition is tried again; its type
is the kind and type of the definition.
"""


class Definitions(DefinitionsContract):
    """Validates, stores and deletes definitions.

    `announce(revision, wait=...)` tells the workers of a change; `resolve_secret(name, value)`
    resolves references of plugins, such as `{"$vault": ...}`. `builtin` holds the definitions that
    plugins bring.
    """

    def __init__(
        self,
        store: DefinitionStore,
        registry: Registry,
        keys: Keys,
        announce: Callable[..., Applied],
        resolve_secret: ResolveSecret,
    ) -> None:
        self.store = store
        self.registry = registry
        self._keys = keys
        self.announce = announce
        self.builtin: dict[Key, DefinitionRecord] = {}
        self._validator = Validator(registry, keys, resolve_secret, self.builtin, self.get)

    # -- read --------------------------------------------------------------------------------------

    def read(self, record: DefinitionRecord) -> DefinitionSettings:
        """Return the settings of a definition, references resolved, in today's shape, or `Invalid`."""
        return self._validator.read(record)

    def read_to_run(self, record: DefinitionRecord) -> DefinitionSettings:
        """Return the settings of a definition whose object is to run.

        Raises `Invalid` also for what an older version has stored and this one refuses.
        """
        return self._validator.read_to_run(record)

    def all(self, kind: str = "", type: str = "") -> list[DefinitionRecord]:
        """Return stored and built-in definitions, of a kind and type or of all, in today's shape,
        sorted by key.
        """
        found = [self._validator.upgrade(record) for record in self.store.all(kind, type)]
        for record in self.builtin.values():
            if kind in ("", record.kind) and type in ("", record.type):
                found.append(record)
        return sorted(found, key=lambda record: record.key)

    def get(self, kind: str, type: str, name: str) -> DefinitionRecord:
        """Return one definition, in today's shape; raises `NotFound`."""
        key = (kind, type, name)
        builtin = self.builtin.get(key)
        if builtin is not None:
            return builtin
        stored = self.store.get(*key)
        if stored is None:
            raise NotFound(f"{label(key)} does not exist")
        return self._validator.upgrade(stored)

    def exists(self, kind: str, type: str, name: str) -> bool:
        """Whether a definition, service or format of this name is there; an empty type means any."""
        if kind == "service":
            return self.registry.find_service(name) is not None
        if kind == "format":
            return any(known.type == name for known in self.registry.formats())
        if self.store.all(kind, type, name):
            return True
        return self._is_builtin(Reference("", kind, type, name))

    def comparable(self, data: PlainSettings, salt: bytes = b"") -> PlainSettings:
        """Return settings with a mark in place of each encrypted secret, the same for the same
        secret, and with a salt in all clusters; one that cannot be decrypted stays as it is.
        """
        return cast(PlainSettings, marked(data, self._keys, salt))

    # -- validate ----------------------------------------------------------------------------------

    def validate(self, edits: Iterable[Edit], *, any_service: bool = False) -> dict[str, str]:
        """Return everything that speaks against these edits, made together, by
        `kind.type.name.setting`; nothing is stored.

        With `any_service`, services that do not exist yet are no faults.
        """
        return self._faults(self._check(edits), any_service)

    def prepare(self, edits: Iterable[Edit], *, any_service: bool = False) -> list[Edit]:
        """Return these edits with their settings as they are to be stored; nothing is stored.

        Raises one `Invalid` with what `validate` would return.
        """
        checked = self._check(edits)
        faults = self._faults(checked, any_service)
        if faults:
            raise Invalid(faults)
        return [each.edit for each in checked]

    def _faults(self, checked: list[CheckedEdit], any_service: bool) -> dict[str, str]:
        def is_outside(reference: Reference) -> bool:
            if any_service and reference.kind == "service":
                return True
            return self._is_outside(reference)

        return faults_by_path(self.store.problems(checked, is_outside))

    def preview(self, edit: Edit) -> DefinitionRecord:
        """Return the record that an edit would store; raises `Invalid` with all faults.

        It claims nothing, so that settings of a definition can be tried beside it.
        """
        (checked,) = self._check([edit])
        without_claims = CheckedEdit(checked.edit, checked.references, errors=checked.errors)
        for errors in self.store.problems([without_claims], self._is_outside).values():
            raise combined(errors)
        return DefinitionRecord(*edit.key, checked.edit.data or {})

    def _check(self, edits: Iterable[Edit]) -> list[CheckedEdit]:
        return [self._check_one(edit) for edit in edits]

    def _check_one(self, edit: Edit) -> CheckedEdit:
        try:
            return self._validator.check(edit)
        except HansaError as error:
            return CheckedEdit(edit, errors=(error,))

    def _is_outside(self, reference: Reference) -> bool:
        """Whether a reference is to something that comes with a plugin, and is not stored."""
        if reference.kind == "service":
            service = self.registry.find_service(reference.name)
            return service is not None and service.comes_with_plugin
        return self._is_builtin(reference)

    def _is_builtin(self, reference: Reference) -> bool:
        return any(
            record.kind == reference.kind
            and record.name == reference.name
            and reference.type in ("", record.type)
            for record in self.builtin.values()
        )

    # -- change ------------------------------------------------------------------------------------

    def change(self, edits: Iterable[Edit], *, by: str = "", wait: bool = True) -> Applied:
        """Make these edits in one transaction, all of them or none; they may refer to each other in
        any order.

        Edits that change nothing are left out; where all are, there is no new revision. Raises one
        `Invalid` with all faults by `kind.type.name.setting`.
        """
        return self._change(self._check(edits), by, wait, by_path=True)

    def change_with(self, edits: Iterable[Edit]) -> Callable[[Transaction], None]:
        """Return what makes these edits as a part of a transaction that changes more, such as the
        services that they refer to; it raises as `change` does.
        """
        checked = self._check(edits)
        unchanged = self._unchanged(checked)

        def make(transaction: Transaction) -> None:
            self.store.change_within(
                transaction, checked, self._is_outside, by_path=True, unchanged=unchanged
            )

        return make

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
        """Create, edit or set one definition, as `Edit` says; raises `Invalid` by setting,
        `NotFound` or `Conflict`.
        """
        how = cast(Literal["create", "edit", "set"], mode)
        return self._change_one(Edit((kind, type, name), data, how, seen_revision), by, wait)

    def delete(
        self, kind: str, type: str, name: str, *, seen_revision: int | None = None, by: str = ""
    ) -> Applied:
        """Delete one definition; raises `NotFound`, or `Conflict` naming what uses it."""
        edit = Edit((kind, type, name), seen_revision=seen_revision)
        return self._change_one(edit, by, wait=True)

    def release(self, kind: str, type: str, name: str, *, by: str = "") -> Applied:
        """Have workers that have quarantined a definition start it again; raises `NotFound`."""
        self.get(kind, type, name)
        with self.store.database.transaction(by) as transaction:
            transaction.log((RELEASE, f"{kind} {type}", name), RELEASE)
        return self.announce(transaction.revision, wait=True)

    def _change_one(self, edit: Edit, by: str, wait: bool) -> Applied:
        return self._change(self._check([edit]), by, wait, by_path=False)

    def _change(self, checked: list[CheckedEdit], by: str, wait: bool, *, by_path: bool) -> Applied:
        revision = self.store.change(
            checked,
            self._is_outside,
            by=by,
            by_path=by_path,
            unchanged=self._unchanged(checked),
        )
        return self.announce(revision, wait=wait)

    def _unchanged(self, checked: list[CheckedEdit]) -> dict[Key, int]:
        """Return the edits that change nothing, with the revisions of what is stored."""
        candidates = {
            each.key: each
            for each in checked
            if each.edit.data is not None
            and each.edit.mode != "create"
            and not each.edit.declared
            and not each.errors
        }
        return {
            stored.key: stored.revision
            for stored in self.store.some(candidates)
            if not self._validator.changes(candidates[stored.key], stored)
        }
