"""One outgoing SQL connection as services of the Zato dialect use it: `session()`, an object that is closed, over Hansa's pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connections import Entry


class SQLConnection:
    """Sessions, and what Hansa's own connection offers besides: `one`, `all`, `execute`, `transaction`, `ping`."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry.live(), name)

    @property
    def pool(self) -> SQLConnection:
        """This connection, since what is asked of a pool is its `engine`."""
        return self

    def session(self) -> Session:
        """A session of SQLAlchemy, to be closed; it takes a connection of the pool with its first statement."""
        return Session(lambda: self._entry.live().session())

    def ping(self, *ignored: Any) -> str:
        """Ask the database for a sign of life; raises what is wrong."""
        return str(self._entry.live().ping())


class Session:
    """A session of SQLAlchemy; statements may be plain texts, whose rows can be read by name, number and attribute."""

    def __init__(self, open: Callable[[], Any]) -> None:
        self._open, self._stack, self._opened = open, ExitStack(), None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._opened is None:
            self._opened = self._stack.enter_context(self._open())
        return getattr(self._opened, name)

    def execute(self, statement: Any, params: Any = None, *args: Any, **options: Any) -> Any:
        """Run a statement; parameters are those that it names as `:name`."""
        if not isinstance(statement, str):
            return self.__getattr__("execute")(statement, params, *args, **options)
        from sqlalchemy import text  # lazy: services that use no SQL do without

        return Rows(self.__getattr__("execute")(text(statement), params, *args, **options))

    def close(self) -> None:
        """Roll back what was not committed, and give the connection back; the session can be used again."""
        self._opened = None
        self._stack.close()

    remove = close

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


class Rows:
    """The result of a statement that was a plain text."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)

    def __iter__(self) -> Iterator[Row]:
        return map(Row, self._result)

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        return list(self)

    all = fetchall

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """So many more rows."""
        return list(map(Row, self._result.fetchmany(size)))

    def fetchone(self) -> Row | None:
        """The next row, None after the last."""
        row = self._result.fetchone()
        return None if row is None else Row(row)

    def first(self) -> Row | None:
        """The first row, None if there is none."""
        row = self._result.first()
        return None if row is None else Row(row)


class Row(tuple[Any, ...]):
    """A row: `row["name"]`, `row[0]`, `row.name`, `dict(row)`."""

    _mapping: Any

    def __new__(cls, row: Any) -> Row:
        """Take over a row of SQLAlchemy."""
        made = super().__new__(cls, row)
        made._mapping = row._mapping
        return made

    def __getitem__(self, key: Any) -> Any:
        return self._mapping[key] if isinstance(key, str) else super().__getitem__(key)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._mapping[name]
        except KeyError:
            raise AttributeError(f"there is no column {name}") from None

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self._mapping)

    def values(self) -> list[Any]:
        """The values."""
        return list(self)

    def items(self) -> list[tuple[str, Any]]:
        """The names and values."""
        return list(self._mapping.items())
