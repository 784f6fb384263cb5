"""Results of statements: rows as plain data, from one result set or several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hansa import Misused
from hansa_connect.records import Record
from sqlalchemy import Connection, CursorResult, ExecutionContext

from .values import readable

Rows: TypeAlias = "CursorResult[Any]"
DriverCursor: TypeAlias = Any
"""A cursor of a driver, after PEP 249."""

OPTION = "hansa_result_sets"


@dataclass(slots=True)
class Outcome:
    """What `skip_empty_sets` saw before the first rows: the sum of rows changed, and whether it is
    that of several statements.
    """

    changed: int = 0
    several: bool = False


def skip_empty_sets(
    connection: Connection,
    cursor: DriverCursor,
    statement: str,
    parameters: object,
    context: ExecutionContext,
    many: bool,
) -> None:
    """Go on to the first result set that has rows, such as that of the second statement of a text.

    A listener of SQLAlchemy's event after_cursor_execute.
    """
    outcome = context.execution_options.get(OPTION)
    if outcome is None:
        return
    outcome.changed = max(cursor.rowcount, 0)
    while cursor.description is None and _next_set(cursor):
        outcome.several = True
        outcome.changed += max(cursor.rowcount, 0)


def _next_set(cursor: DriverCursor) -> bool:
    """Go on to the next result set, where the driver has any; returns whether there is one."""
    if not hasattr(cursor, "nextset"):
        return False
    return bool(cursor.nextset())


def fetch_only_set(found: Rows, limit: int) -> list[Record]:
    """Return the first `limit` rows of the one result set; raises `Misused` if there are more."""
    if not found.returns_rows:
        return []
    cursor: DriverCursor = found.cursor
    if not hasattr(cursor, "nextset"):
        return _records(found, list(found.keys()), found.fetchmany(limit))
    rows = _records(found, list(found.keys()), cursor.fetchmany(limit))
    while _next_set(cursor):
        if cursor.description is not None:
            raise Misused("the statement has more than one result set; call sets() for all of them")
    return rows


def fetch_all_sets(found: Rows, limit: int) -> Iterator[list[Record]]:
    """Yield the first `limit` rows of each result set."""
    if not found.returns_rows:
        return
    cursor: DriverCursor = found.cursor
    yield _records(found, list(found.keys()), cursor.fetchmany(limit))
    while _next_set(cursor):
        if cursor.description is not None:
            names = [column[0] for column in cursor.description]
            yield _records(found, names, cursor.fetchmany(limit))


def _records(found: Rows, names: list[str], rows: Iterable[Sequence[object]]) -> list[Record]:
    if len(set(names)) < len(names):
        raise Misused(
            f"columns of one name, of which all but one would be lost: {names}; rename them with AS"
        )
    if found.context.dialect.name != "postgresql":
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [dict(zip(names, map(readable, row), strict=True)) for row in rows]
