"""Values of Cassandra as plain data that services may return as they are, in any format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

from cassandra.util import Date, Duration, Time

Record: TypeAlias = dict[str, Any]
"""A row: its values by the names of the columns."""
RawRows: TypeAlias = tuple[list[str], list[tuple[Any, ...]]]
"""The names of the columns, and the values of each row."""

_ALREADY = frozenset((str, int, float, bool, bytes, type(None)))
"""Types that most columns have."""


def raw_rows(names: list[str], rows: list[tuple[Any, ...]]) -> RawRows:
    """Keep rows as they came; they are made plain in the thread of the caller, and not in that of
    the event loop.
    """
    return names, rows


def records(found: RawRows) -> list[Record]:
    """Return rows as dictionaries of plain data."""
    names, rows = found
    return [{name: plain(value) for name, value in zip(names, row, strict=True)} for row in rows]


def plain(value: Any) -> Any:
    """Return a value as plain data.

    Moments are in UTC; sets are lists, since JSON has no others; dates that Python does not have,
    times with nanoseconds and durations are texts; a user-defined type is a dictionary.
    """
    if type(value) in _ALREADY:
        return value
    made = _MAKERS.get(type(value))
    if made is not None:
        return made(value)
    if isinstance(value, Mapping):
        return {_key(plain(name)): plain(one) for name, one in value.items()}
    if hasattr(value, "_asdict"):
        return {name: plain(one) for name, one in value._asdict().items()}
    if isinstance(value, Sequence | Set) or type(value).__name__ == "SortedSet":
        return [plain(one) for one in value]
    return value


def _key(name: Any) -> Any:
    return tuple(name) if isinstance(name, list) else name


def _moment(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


def _date(value: Date) -> date | str:
    try:
        found: date = value.date()
    except ValueError:
        return str(value)
    return found


def _time(value: Time) -> Any:
    return str(value) if value.nanosecond % 1000 else value.time()


_MAKERS: dict[type, Callable[[Any], Any]] = {
    datetime: _moment,
    Date: _date,
    Time: _time,
    Duration: str,
}
