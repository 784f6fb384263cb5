"""The stored definitions: read as records, changed many at once, each change one revision."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Row, Select, select, update

from ..contract.records import DefinitionRecord, Key, PlainSettings
from ..foundation.errors import Invalid
from ..odb import tables
from ..odb.database import Database
from ..odb.engine import guarded
from ..odb.key_check import use_current_key
from ..odb.key_rotation import renewed
from ..odb.keys import Keys
from ..odb.transaction import Transaction
from .edit import CheckedEdit, Problems, combined, faults_by_path
from .judge import IsOutside, Judge, claim_row

_NONE: Mapping[Key, int] = {}


class DefinitionStore:
    """The definitions in the ODB of a cluster, with what they refer to and claim; secrets are
    stored under the current one of `keys`.
    """

    def __init__(self, database: Database, keys: Keys) -> None:
        self.database = database
        self._keys = keys

    def all(
        self, kind: str = "", type: str = "", name: str = "", *, after: int = 0
    ) -> list[DefinitionRecord]:
        """Return stored definitions, sorted by key; with `after`, those changed since a revision."""
        c = tables.definition.c
        query: Select[tuple[object, ...]] = select(tables.definition)
        if kind:
            query = query.where(c.kind == kind)
        if type:
            query = query.where(c.type == type)
        if name:
            query = query.where(c.name == name)
        if after:
            query = query.where(c.revision > after)
        records = [_record(row) for row in self.database.rows(query)]
        # sorted here: ordered by its key, a database would read the whole table
        return sorted(records, key=lambda record: record.key)

    def get(self, kind: str, type: str, name: str) -> DefinitionRecord | None:
        """Return one stored definition, or None."""
        found = self.all(kind, type, name)
        return found[0] if found else None

    @guarded
    def some(self, keys: Collection[Key]) -> list[DefinitionRecord]:
        """Return those of some definitions that are stored."""
        if not keys:
            return []
        table = tables.definition
        with self.database.reader() as reader:
            rows = reader.select_in(select(table), table.c.name, {name for _, _, name in keys})
        return [record for record in map(_record, rows) if record.key in keys]

    def claims(self, kind: str) -> dict[str, Key]:
        """Return what definitions of a kind claim, and which of them does."""
        table = tables.claim
        rows = self.database.rows(select(table).where(table.c.kind == kind))
        return {row.claim.removeprefix(f"{kind} "): (row.kind, row.type, row.name) for row in rows}

    def declared(self) -> dict[Key, str]:
        """Return the digests of what configuration files declared, packages included."""
        rows = self.database.rows(select(tables.declared))
        return {(row.kind, row.type, row.name): row.sha256 for row in rows}

    @guarded
    def declare_again(self, digests: Mapping[Key, str]) -> None:
        """Replace digests of what configuration files declared by others of the same."""
        table = tables.declared
        with self.database.engine.begin() as connection:
            for (kind, type, name), digest in digests.items():
                this = (table.c.kind == kind, table.c.type == type, table.c.name == name)
                connection.execute(update(table).where(*this).values(sha256=digest))

    @guarded
    def problems(self, edits: Sequence[CheckedEdit], is_outside: IsOutside) -> Problems:
        """Return what `change` would refuse; nothing is changed."""
        with self.database.reader() as reader:
            return Judge(reader, edits, is_outside).problems()

    @guarded
    def change(
        self,
        edits: Sequence[CheckedEdit],
        is_outside: IsOutside,
        *,
        by: str = "",
        by_path: bool = False,
        unchanged: Mapping[Key, int] = _NONE,
    ) -> int:
        """Store and delete definitions, all of them or none, each once, as one revision, which it
        returns.

        Edits in `unchanged`, which change nothing of a definition at a revision, are judged and not
        stored; if all are, the revision is that which the cluster has. They may refer to each other
        in any order. Raises what speaks against the first that is refused; with `by_path` one
        `Invalid` with all faults by `kind.type.name.setting`.
        """
        try:
            with self.database.transaction(by) as transaction:
                self.change_within(
                    transaction, edits, is_outside, by_path=by_path, unchanged=unchanged
                )
                if not transaction.actions:
                    raise _NothingChanged(transaction.revision - 1)
                return transaction.revision
        except _NothingChanged as nothing:
            return nothing.revision

    def change_within(
        self,
        transaction: Transaction,
        edits: Sequence[CheckedEdit],
        is_outside: IsOutside,
        *,
        by_path: bool = False,
        unchanged: Mapping[Key, int] = _NONE,
    ) -> None:
        """Store and delete definitions as a part of what a transaction does, as `change` says."""
        use_current_key(transaction, self._keys)
        judge = Judge(transaction, edits, is_outside)
        _refuse(judge.problems(), by_path)
        left = [each for each in edits if not _is_as_it_was(each, judge, unchanged)]
        stored = [each.key for each in left if each.key in judge.there]
        transaction.forget(stored, tables.definition, tables.reference, tables.claim)
        declared = {each.key: each.edit.declared for each in left if each.edit.declared}
        transaction.declare(declared)
        for each in left:
            _write(transaction, each, self._keys)


def _record(row: Row[Any]) -> DefinitionRecord:
    return DefinitionRecord(row.kind, row.type, row.name, json.loads(row.data), row.revision)


class _NothingChanged(Exception):
    """Ends a transaction without a trace, when there is nothing to store."""

    def __init__(self, revision: int) -> None:
        super().__init__(revision)
        self.revision = revision


def _is_as_it_was(each: CheckedEdit, judge: Judge, unchanged: Mapping[Key, int]) -> bool:
    """Whether an edit changes nothing of what is stored now."""
    return each.key in unchanged and judge.there.get(each.key) == unchanged[each.key]


def _write(transaction: Transaction, each: CheckedEdit, keys: Keys) -> None:
    """Write one edit, after what was stored of its definition is gone."""
    data = each.edit.data
    if data is not None and len(keys.fingerprints) > 1:
        # the cluster may use another key since the edit was checked
        data = cast(PlainSettings, renewed(data, keys, keys.current))
    transaction.log(each.key, "delete" if data is None else "define", data)
    if data is None:
        return
    text = json.dumps(data, sort_keys=True)
    transaction.add_of(each.key, tables.definition, data=text, revision=transaction.revision)
    targets = {
        (one.setting[: tables.SETTING_LENGTH], one.kind, one.type, one.name)
        for one in each.references
    }
    for setting, kind, type, name in targets:
        transaction.add_of(
            each.key,
            tables.reference,
            setting=setting,
            to_kind=kind,
            to_type=type,
            to_name=name,
        )
    for claim in set(each.claims):
        transaction.add_of(each.key, tables.claim, claim=claim_row(each.key, claim))


def _refuse(problems: Problems, by_path: bool) -> None:
    """Raise what speaks against edits, if anything does."""
    if problems and by_path:
        raise Invalid(faults_by_path(problems))
    for errors in problems.values():
        raise combined(errors)
