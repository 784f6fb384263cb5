"""One outgoing SQL connection as services of the Zato dialect use it.

They close what `session()` returns; it is over Hansa's pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Protocol

from ..payloads import Value
from .entry import OpenConnection


class LiveSQL(Protocol):
    """What is needed of Hansa's SQL connection."""

    def session(self) -> AbstractContextManager[Value]:
        """Return a session of SQLAlchemy for a block."""

    def ping(self) -> str:
        """Check that the database answers."""


class SQLConnection(OpenConnection[LiveSQL]):
    """Sessions, and what Hansa's own connection offers: `one`, `all`, `execute`, `transaction`."""

    @property
    def pool(self) -> SQLConnection:
        """This connection, since what services ask of a pool is its `engine`."""
        return self

    def session(self) -> Session:
        """Return a session of SQLAlchemy, to be closed.

        It takes a connection of the pool with its first statement.
        """
        return Session(lambda: self._live().session())

    def ping(self, *ignored: object) -> str:
        """Check that the database answers; raises what is wrong."""
        return str(self._live().ping())


class Session:
    """A session of SQLAlchemy.

    Statements may be plain texts, whose rows can be read by name, number and attribute.
    """

    def __init__(self, open: Callable[[], AbstractContextManager[Value]]) -> None:
        self._open = open
        self._stack = ExitStack()
        self._opened: Value = None

    def _session(self) -> Value:
        """Return the session of SQLAlchemy, opened with its first use."""
        if self._opened is None:
            self._opened = self._stack.enter_context(self._open())
        return self._opened

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._session(), name)

    def execute(
        self, statement: object, params: object = None, *args: object, **options: object
    ) -> Value:
        """Run a statement; parameters are those that it names as `:name`."""
        if not isinstance(statement, str):
            return self._session().execute(statement, params, *args, **options)
        from sqlalchemy import text  # lazy: services that use no SQL do without

        return Rows(self._session().execute(text(statement), params, *args, **options))

    def close(self) -> None:
        """Roll back what was not committed, and return the connection to the pool.

        The session can be used again.
        """
        self._opened = None
        self._stack.close()

    remove = close

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Rows:
    """The result of a statement that was a plain text."""

    def __init__(self, result: Value) -> None:
        self._result = result

    def __getattr__(self, name: str) -> Value:
        return getattr(self._result, name)

    def __iter__(self) -> Iterator[Row]:
        return map(Row, self._result)

    def fetchall(self) -> list[Row]:
        """Return all rows that are left."""
        return list(self)

    all = fetchall

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return at most `size` more rows; by default as many as the driver fetches at once."""
        return [Row(row) for row in self._result.fetchmany(size)]

    def fetchone(self) -> Row | None:
        """Return the next row, None after the last."""
        row = self._result.fetchone()
        return None if row is None else Row(row)

    def first(self) -> Row | None:
        """Return the first row, None if there is none."""
        row = self._result.first()
        return None if row is None else Row(row)


class Row(tuple[Any, ...]):
    """A row: `row["name"]`, `row[0]`, `row.name`, `dict(row)`."""

    _mapping: Value

    def __new__(cls, row: Value) -> Row:
        """Return a row of SQLAlchemy as one that can also be read by name."""
        made = super().__new__(cls, row)
        made._mapping = row._mapping
        return made

    def __getitem__(self, key: Value) -> Value:
        return self._mapping[key] if isinstance(key, str) else super().__getitem__(key)

    def __getattr__(self, name: str) -> Value:
        try:
            return self._mapping[name]
        except KeyError:
            raise AttributeError(f"there is no column {name}") from None

    def keys(self) -> Sequence[str]:
        """Return the names of the columns."""
        return list(self._mapping)

    def values(self) -> Sequence[Value]:
        """Return the values."""
        return list(self)

    def items(self) -> Sequence[tuple[str, Value]]:
        """Return the names and values."""
        return list(self._mapping.items())
