"""Statements with bound parameters, and their rows as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from hansa import Invalid, TooLarge
from hansa_connect.records import Record
from sqlalchemy import (
    BindParameter,
    Connection,
    CursorResult,
    Dialect,
    Executable,
    TextClause,
    bindparam,
    text,
)

Rows: TypeAlias = "CursorResult[Any]"
Values: TypeAlias = Mapping[str, Any]
"""The values of a statement's parameters, by name."""

_LISTS = re.compile(r"\bIN\s+:(\w+)", re.IGNORECASE)
_KEPT = 1000
"""Statements that are kept compiled."""


class Prepared(NamedTuple):
    """A statement as SQLAlchemy wants it, and the names of its parameters."""

    clause: TextClause
    parameters: frozenset[str]


class DriverStatement(NamedTuple):
    """A statement as the driver wants it; `order` is None if its parameters go by name."""

    sql: str
    order: list[str] | None


@lru_cache(_KEPT)
def prepared(statement: str) -> Prepared:
    """Return a statement in which `IN :name` takes a list.

    Kept, since that takes longer than a short query.
    """
    lists: list[BindParameter[Any]] = [
        bindparam(name, expanding=True) for name in _LISTS.findall(statement)
    ]
    clause = text(statement).bindparams(*lists)
    return Prepared(clause, frozenset(clause.compile().params))


@lru_cache(_KEPT)
def for_driver(statement: str, dialect: Dialect) -> DriverStatement | None:
    """Return a statement as the driver wants it, None if that differs from call to call."""
    compiled: Any = prepared(statement).clause.compile(dialect=dialect)
    if compiled.post_compile_params or compiled.escaped_bind_names:
        return None
    return DriverStatement(compiled.string, compiled.positiontup)


class Statements:
    """Statements whose values are always bound, and never become text: `one`, `all`, `execute`.

    A statement names its parameters as `:name`, and each call gives exactly these as keywords;
    `Invalid` says which are missing or unknown. Instead of a text, a statement may be made with
    SQLAlchemy. What the database refuses is an exception of SQLAlchemy.
    """

    max_rows: int

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection of SQLAlchemy, in a transaction."""
        raise NotImplementedError

    def one(self, statement: str | Executable, /, **parameters: Any) -> Record | None:
        """Return the first row, None if there is none."""
        rows = self.rows(statement, parameters, 1)
        return rows[0] if rows else None

    def all(self, statement: str | Executable, /, **parameters: Any) -> list[Record]:
        """Return all rows; raises `TooLarge` for more than the setting `max_rows`."""
        rows = self.rows(statement, parameters, self.max_rows + 1)
        if len(rows) > self.max_rows:
            raise TooLarge(f"more than {self.max_rows} rows; ask for fewer, or raise max_rows")
        return rows

    def execute(self, statement: str | Executable, /, **parameters: Any) -> int:
        """Run a statement that changes something; returns the number of rows changed."""
        with self.connection() as connection:
            return int(_run(connection, statement, parameters).rowcount)

    def rows(self, statement: str | Executable, parameters: Values, limit: int) -> list[Record]:
        """Return the first `limit` rows."""
        with self.connection() as connection, _run(connection, statement, parameters) as found:
            if not found.returns_rows:
                return []
            names = list(found.keys())
            if len(set(names)) < len(names):
                raise Invalid(
                    f"columns of one name, of which all but one would be lost: {names};"
                    " rename them with AS"
                )
            return [dict(zip(names, row, strict=True)) for row in found.fetchmany(limit)]


def _run(connection: Connection, statement: str | Executable, parameters: Values) -> Rows:
    if not isinstance(statement, str):
        return connection.execute(statement, parameters)
    clause, names = prepared(statement)
    _check_names(names, parameters)
    # compiling with each call would take a sixth of a short query, and change nothing
    ready = for_driver(statement, connection.dialect)
    if ready is None:
        return connection.execute(clause, parameters)
    if ready.order is None:
        return connection.exec_driver_sql(ready.sql, parameters)
    return connection.exec_driver_sql(ready.sql, tuple(parameters[name] for name in ready.order))


def _check_names(names: frozenset[str], parameters: Values) -> None:
    """Refuse parameters that are not those of the statement; raises `Invalid`."""
    given = parameters.keys()
    faults = dict.fromkeys(names - given, "is in the statement and was not given")
    faults |= dict.fromkeys(given - names, "was given and is not in the statement")
    if faults:
        raise Invalid(faults)
