"""One transaction of the ODB with the next revision, and what can be read on its connection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    CursorResult,
    Executable,
    Row,
    Select,
    Table,
    delete,
    insert,
    select,
    update,
)

from ..contract.records import Key, PlainSettings
from ..contract.service import current_service
from . import tables

T = TypeVar("T")
Result: TypeAlias = CursorResult[Any]
Rows: TypeAlias = list[Row[Any]]
Values: TypeAlias = dict[str, object]
"""The values of a row by column."""

BATCH = 500
"""Values, or rows, in one statement."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change log; `kind` is a definition's kind, `service`, `plugin` or `server`."""

    revision: int
    kind: str
    type: str
    name: str
    action: str


class Reader:
    """Queries on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def run(self, statement: Executable) -> Result:
        """Execute a statement."""
        return self.connection.execute(statement)

    def select_in(self, statement: Select[Any], column: Column[Any], values: Iterable[str]) -> Rows:
        """Return all rows of a query whose column has one of these values, in batches of values."""
        rows: Rows = []
        for batch in batches(sorted(set(values))):
            rows += self.run(statement.where(column.in_(batch)))
        return rows


class Transaction(Reader):
    """One transaction with the next revision; its first statement puts all writers in one line.

    `actions` are the lines of the change log so far, `key_check` is the fingerprint of the key that
    encrypts what is stored, as long as it lasts.
    """

    def __init__(self, connection: Connection, by: str) -> None:
        super().__init__(connection)
        self.by = by
        self.actions: list[tuple[Key, str]] = []
        self._new: dict[Table, list[Values]] = {}
        self.run(update(tables.cluster).values(revision=tables.cluster.c.revision + 1))
        row = self.run(select(tables.cluster)).one()
        self.revision = int(row.revision)
        self.key_check: str | None = row.key_check

    def run(self, statement: Executable) -> Result:
        """Execute a statement, after the insertions that were asked for before it."""
        self.flush()
        return super().run(statement)

    def flush(self) -> None:
        """Carry out the insertions, those of each table in one go."""
        while self._new:
            table, rows = self._new.popitem()
            for batch in batches(rows):
                self.connection.execute(insert(table), list(batch))

    def add(self, table: Table, **values: object) -> None:
        """Insert a row."""
        self._new.setdefault(table, []).append(values)

    def add_of(self, key: Key, table: Table, **values: object) -> None:
        """Insert a row about a definition."""
        kind, type, name = key
        self.add(table, kind=kind, type=type, name=name, **values)

    def log(self, key: Key, action: str, data: PlainSettings | None = None) -> None:
        """Write a line of the change log."""
        self.actions.append((key, action))
        text = None if data is None else json.dumps(data, sort_keys=True)
        self.add_of(
            key,
            tables.change,
            revision=self.revision,
            action=action,
            data=text,
            by=self.by,
            at=time.time(),
            service=current_service.get() or None,
        )

    def declare(self, digests: Mapping[Key, str]) -> None:
        """Remember what a configuration file declared."""
        self.forget(digests, tables.declared)
        for key, digest in digests.items():
            self.add_of(key, tables.declared, sha256=digest)

    def forget(self, keys: Iterable[Key], *of: Table) -> None:
        """Delete what tables hold of these definitions."""
        names: dict[tuple[str, str], list[str]] = {}
        for kind, type, name in keys:
            names.setdefault((kind, type), []).append(name)
        for table in of:
            for (kind, type), found in names.items():
                c = table.c
                statement = delete(table).where(c.kind == kind, c.type == type)
                for batch in batches(sorted(set(found))):
                    self.run(statement.where(c.name.in_(batch)))


def batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut values into parts that fit into one statement."""
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]
