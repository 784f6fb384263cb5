"""Run statements with bound parameters, in a connection of the pool, and give their rows as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import lru_cache
from typing import Any

from hansa import Invalid, TooLarge
from hansa_connect.deadline import within
from hansa_connect.records import Record
from hansa_connect.sockets import shut, silent
from sqlalchemy import Connection, CursorResult, Dialect, Engine, bindparam, text

_LISTS = re.compile(r"\bIN\s+:(\w+)", re.IGNORECASE)


@lru_cache(1000)  # PERF: reading a statement takes longer than a short query
def prepared(statement: str) -> tuple[Any, frozenset[str]]:
    """A statement as SQLAlchemy wants it, and the names of its parameters; `IN :name` takes a list."""
    clause = text(statement).bindparams(
        *(bindparam(name, expanding=True) for name in _LISTS.findall(statement))
    )
    return clause, frozenset(clause.compile().params)


@lru_cache(1000)
def written(statement: str, dialect: Dialect) -> tuple[str, list[str] | None] | None:
    """A statement as the driver wants it, and its parameters in order if not by name; None if that differs from call to call."""
    compiled: Any = prepared(statement)[0].compile(dialect=dialect)
    if compiled.post_compile_params or compiled.escaped_bind_names:
        return None
    return compiled.string, compiled.positiontup


class Statements:
    """Statements whose values are always bound, never text: `one`, `all`, `execute`.

    A statement names its parameters as `:name`, and each call gives exactly these as keywords; `Invalid` says which are missing
    or unknown. Instead of a text, a statement may be made with SQLAlchemy. What the database refuses is an exception of SQLAlchemy.
    """

    max_rows: int

    def connection(self) -> AbstractContextManager[Connection]:
        """A connection of SQLAlchemy, in a transaction."""
        raise NotImplementedError

    def one(self, statement: Any, /, **parameters: Any) -> Record | None:
        """The first row, None if there is none."""
        return next(iter(self.rows(statement, parameters, 1)), None)

    def all(self, statement: Any, /, **parameters: Any) -> list[Record]:
        """All rows; raises `TooLarge` for more than `max_rows`."""
        rows = self.rows(statement, parameters, self.max_rows + 1)
        if len(rows) > self.max_rows:
            raise TooLarge(f"more than {self.max_rows} rows; ask for fewer, or raise max_rows")
        return rows

    def execute(self, statement: Any, /, **parameters: Any) -> int:
        """Run a statement that changes something; gives how many rows it changed."""
        with self.connection() as connection:
            return int(_run(connection, statement, parameters).rowcount)

    def rows(self, statement: Any, parameters: Mapping[str, Any], limit: int) -> list[Record]:
        """The first `limit` rows."""
        with self.connection() as connection, _run(connection, statement, parameters) as found:
            names = list(found.keys()) if found.returns_rows else []
            if len(set(names)) < len(names):
                raise Invalid(
                    f"columns of one name, of which all but one would be lost: {names}; rename them with AS"
                )
            return (
                [dict(zip(names, row, strict=True)) for row in found.fetchmany(limit)]
                if names
                else []
            )


def _run(
    connection: Connection, statement: Any, parameters: Mapping[str, Any]
) -> CursorResult[Any]:
    if not isinstance(statement, str):
        return connection.execute(statement, parameters)
    clause, names = prepared(statement)
    if names != parameters.keys():
        faults = dict.fromkeys(names - parameters.keys(), "is in the statement and was not given")
        raise Invalid(
            faults
            | dict.fromkeys(parameters.keys() - names, "was given and is not in the statement")
        )
    # PERF: compiling by SQLAlchemy with each call is a sixth of a short query, and does nothing for the values of a text
    if (ready := written(statement, connection.dialect)) is None:
        return connection.execute(clause, parameters)
    text, order = ready
    return connection.exec_driver_sql(
        text, parameters if order is None else tuple(map(parameters.__getitem__, order))
    )


class SqlConnection(Statements):
    """One connection of the pool, and for services a transaction: its statements all happen or none."""

    opened: Any = None
    _failed = False

    def __init__(self, engine: Engine, what: str, config: Any) -> None:
        self._engine, self._what, self._seconds, self.max_rows = (
            engine,
            what,
            config.connect_timeout,
            config.max_rows,
        )

    def open(self, timeout: float) -> None:
        """Connect and log in."""
        self.opened = within(
            min(timeout, self._seconds), self._what, self._engine.connect, Connection.close
        )
        self._driver = self.opened.connection.dbapi_connection

    @property
    def broken(self) -> bool:
        """Whether it is of no use any more."""
        return self._failed or self.opened is None or self.opened.closed or self.opened.invalidated

    @broken.setter
    def broken(self, failed: bool) -> None:
        self._failed = failed

    def alive(self) -> bool:
        """Whether the database has not closed it."""
        return not self.broken and ((number := self._number()) is None or silent(number))

    def check(self) -> None:
        """Ask the database for a sign of life."""
        with self.opened.begin():
            self.opened.dialect.do_ping(self._driver)

    def close(self) -> None:
        """Close it."""
        if self.opened is not None:
            self.opened.close()

    def abort(self) -> None:
        """Have the statement fail that is under way."""
        if not self.broken:
            with suppress(self._engine.dialect.loaded_dbapi.Error):  # it has just been closed
                if (number := self._number()) is not None:
                    shut(number)
                else:
                    (
                        getattr(self._driver, "interrupt", None) or self._driver.cancel
                    )()  # SQLite, Oracle

    def connection(self) -> AbstractContextManager[Connection]:
        """The connection of SQLAlchemy, in the transaction that there is."""
        return nullcontext(self.opened)

    def _number(self) -> int | None:
        there = (
            self._driver
            if hasattr(self._driver, "fileno")
            else getattr(self._driver, "_sock", None)
        )
        return there.fileno() if there is not None else None
