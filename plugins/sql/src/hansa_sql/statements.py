"""Statements with bound parameters, and their rows as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from hansa import Invalid, Misused, ResultTooLarge
from hansa_connect.records import Record
from sqlalchemy import BindParameter, Connection, Dialect, Executable, TextClause, bindparam, text

from .lexical import escape_colons
from .results import OPTION, Outcome, Rows, fetch_all_sets, fetch_only_set
from .values import bindable

Values: TypeAlias = Mapping[str, object]
"""The values of a statement's parameters, by name."""

_LISTS = re.compile(r"\bIN\s+:(\w+)", re.IGNORECASE)
_KEPT = 1000
"""Statements that are kept compiled."""


class Prepared(NamedTuple):
    """A statement as SQLAlchemy wants it, the names of its parameters, and of those that are lists."""

    clause: TextClause
    parameters: frozenset[str]
    lists: frozenset[str]


class DriverStatement(NamedTuple):
    """A statement as the driver wants it; `order` is None if its parameters go by name."""

    sql: str
    order: list[str] | None


@lru_cache(_KEPT)
def prepared(statement: str, dialect: str = "") -> Prepared:
    """Return a statement in which `IN :name` takes a list; `dialect` is the name of SQLAlchemy's.

    Kept, since that takes longer than a short query.
    """
    escaped = escape_colons(statement, dialect)
    lists = frozenset(_LISTS.findall(escaped))
    expanding: list[BindParameter[Any]] = [bindparam(name, expanding=True) for name in lists]
    clause = text(escaped).bindparams(*expanding)
    return Prepared(clause, frozenset(clause.compile().params), lists)


@lru_cache(_KEPT)
def for_driver(statement: str, dialect: Dialect) -> DriverStatement | None:
    """Return a statement as the driver wants it, None if that differs from call to call."""
    compiled: Any = prepared(statement, dialect.name).clause.compile(dialect=dialect)
    if compiled.post_compile_params or compiled.escaped_bind_names:
        return None
    return DriverStatement(compiled.string, compiled.positiontup)


class Statements:
    """Statements whose values are always bound, and never become text: `one`, `all`, `execute`,
    `sets`.

    A statement names its parameters as `:name`, and each call gives exactly these as keywords;
    `Misused` says which are missing or unknown. Instead of a text, a statement may be made with
    SQLAlchemy. What the database refuses is an exception of SQLAlchemy.
    """

    max_rows: int

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection of SQLAlchemy, in a transaction."""
        raise NotImplementedError

    def one(self, statement: str | Executable, /, **parameters: object) -> Record | None:
        """Return the first row, None if there is none."""
        rows = self.rows(statement, parameters, 1)
        return rows[0] if rows else None

    def all(self, statement: str | Executable, /, **parameters: object) -> list[Record]:
        """Return all rows; raises `ResultTooLarge` for more than the setting `max_rows`."""
        rows = self.rows(statement, parameters, self.max_rows + 1)
        self._check_count(rows)
        return rows

    def execute(
        self,
        statement: str | Executable,
        rows: Sequence[Values] | None = None,
        /,
        **parameters: object,
    ) -> int:
        """Run a statement that changes something; returns the number of rows changed.

        With `rows`, run it for each of them, as one bulk statement of the driver. Of a text of
        several statements, the sum is returned.
        """
        if rows is not None and not rows:
            return 0
        given: Values | Sequence[Values] = parameters if rows is None else rows
        if rows is not None and parameters:
            raise Misused("give either rows or parameters")
        outcome = Outcome()
        with self.connection() as connection, _run(connection, statement, given, outcome) as found:
            return outcome.changed if outcome.several else int(found.rowcount)

    def sets(self, statement: str, /, **parameters: object) -> list[list[Record]]:
        """Return the rows of all result sets, such as those of a stored procedure.

        Raises `ResultTooLarge` for more than `max_rows` in one of them.
        """
        with self.connection() as connection, _run(connection, statement, parameters) as found:
            sets = list(fetch_all_sets(found, self.max_rows + 1))
        for rows in sets:
            self._check_count(rows)
        return sets

    def rows(self, statement: str | Executable, parameters: Values, limit: int) -> list[Record]:
        """Return the first `limit` rows; raises `Misused` for more than one result set."""
        with self.connection() as connection, _run(connection, statement, parameters) as found:
            return fetch_only_set(found, limit)

    def _check_count(self, rows: list[Record]) -> None:
        if len(rows) > self.max_rows:
            fault = f"more than {self.max_rows} rows; ask for fewer, or raise max_rows"
            raise ResultTooLarge(fault)


def _run(
    connection: Connection,
    statement: str | Executable,
    parameters: Values | Sequence[Values],
    outcome: Outcome | None = None,
) -> Rows:
    if not isinstance(statement, str):
        return connection.execute(statement, parameters)
    dialect = connection.dialect
    ready = prepared(statement, dialect.name)
    options = {OPTION: outcome or Outcome()}
    single = isinstance(parameters, Mapping)
    if isinstance(parameters, Mapping):
        bound = [_bound(ready, parameters, dialect.name)]
    else:
        bound = _bound_rows(ready, parameters, dialect.name)
    # compiling with each call would take a sixth of a short query, and change nothing
    driver = for_driver(statement, dialect)
    if driver is None:
        given = bound[0] if single else bound
        return connection.execute(ready.clause, given, execution_options=options)
    if driver.order is None:
        named = bound[0] if single else bound
        return connection.exec_driver_sql(driver.sql, named, execution_options=options)
    ordered = [tuple(each[name] for name in driver.order) for each in bound]
    values = ordered[0] if single else ordered
    return connection.exec_driver_sql(driver.sql, values, execution_options=options)


def _bound(ready: Prepared, parameters: Values, dialect: str) -> dict[str, object]:
    """Return the values as the driver is to bind them; raises `Invalid`."""
    _check_names(ready.parameters, parameters)
    bound: dict[str, object] = {}
    for name, value in parameters.items():
        bound[name] = bindable(name, value, dialect, expanding=name in ready.lists)
    return bound


def _bound_rows(ready: Prepared, rows: Sequence[Values], dialect: str) -> list[dict[str, object]]:
    """Return the values of each row; raises `Invalid`, by `rows[INDEX]` and name, for the first row
    with a fault, and for a list of an `IN`, which each row would have the statement written anew for.
    """
    if ready.lists:
        fault = "a list for IN cannot be given by rows; run the statement for each of them"
        raise Misused(dict.fromkeys(ready.lists, fault))
    bound: list[dict[str, object]] = []
    for index, row in enumerate(rows):
        try:
            bound.append(_bound(ready, row, dialect))
        except Invalid as invalid:
            faults = {f"rows[{index}].{name}": fault for name, fault in invalid.errors.items()}
            raise type(invalid)(faults) from None
    return bound


def _check_names(names: frozenset[str], parameters: Values) -> None:
    """Refuse parameters that are not those of the statement; raises `Misused`."""
    given = parameters.keys()
    faults = dict.fromkeys(names - given, "is in the statement and was not given")
    faults |= dict.fromkeys(given - names, "was given and is not in the statement")
    if faults:
        raise Misused(faults)
