"""Values on their way into a database and out of it, alike with every driver."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite, isnan
from typing import Protocol, TypeAlias, TypeGuard
from uuid import UUID

from hansa import Invalid

ZONED = frozenset({"postgresql", "oracle"})
"""Dialects whose drivers bind a time with its offset."""

ZONED_TIME = "a time of day with an offset cannot be stored in this database"
SQLITE_BITS = 63
"""The bits of an integer of SQLite, besides its sign."""

MYSQL_TYPES = (
    *(bool, int, str, bytes, bytearray, date, time, timedelta, UUID, type(None)),
    *(dict, list, tuple, set, frozenset),
)
"""Types that PyMySQL binds by their value; of any other it would bind what `str` makes of it."""

EMPTY_ARRAY = "\f{}"
"""An empty array of PostgreSQL. Without the form feed, which JSON does not allow, a column of type
jsonb would take it for an empty object.
"""

Document: TypeAlias = dict[object, object] | list[object]
MULTIRANGES = frozenset({"Multirange", "MultiRange"})
"""Names of the classes of multiranges in psycopg and SQLAlchemy."""


class RangeValue(Protocol):
    """A range, as psycopg and SQLAlchemy have it."""

    lower: object
    upper: object
    bounds: str
    isempty: bool


def bindable(name: str, value: object, dialect: str, *, expanding: bool = False) -> object:
    """Return the value of a parameter as a driver is to bind it.

    An aware datetime becomes one in UTC, without an offset where the database knows none; a member
    of an enumeration becomes its value. A dict, a
    list with dicts or lists in it, and where there are no arrays any list, becomes a text of JSON;
    `expanding` is for the values of an `IN`. Raises `Invalid` for what would be changed.
    """
    if expanding:
        return _bindable_list(name, value, dialect)
    if isinstance(value, Enum):
        value = value.value
    fault = _fault_of(value, dialect)
    if fault:
        raise Invalid({name: fault})
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC) if dialect in ZONED else _written(value, dialect)
    if isinstance(value, dict | list):
        return _document(name, value, dialect)
    return value


def _fault_of(value: object, dialect: str) -> str:
    """Return why a value cannot be bound, an empty text if it can."""
    if isinstance(value, str):
        return "" if _is_unicode(value) else "has a lone surrogate, which is not Unicode text"
    if isinstance(value, time) and value.tzinfo is not None and dialect not in ZONED:
        return ZONED_TIME
    if dialect == "sqlite":
        return _fault_in_sqlite(value)
    if dialect == "mysql":
        return _fault_in_mysql(value)
    return ""


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault_in_sqlite(value: object) -> str:
    if isinstance(value, float) and isnan(value):
        return "is NaN, which SQLite would store as NULL"
    if isinstance(value, int) and value.bit_length() > SQLITE_BITS:
        return "is a whole number of more than 64 bits, which SQLite does not have"
    if isinstance(value, Decimal):
        return "is a decimal, which SQLite does not have; bind it as text, str(value)"
    return ""


def _fault_in_mysql(value: object) -> str:
    if isinstance(value, float | Decimal):
        return "" if isfinite(value) else f"is {value}, which MariaDB and MySQL do not have"
    if isinstance(value, MYSQL_TYPES):
        return ""
    return f"is of the type {type(value).__name__}, which is not plain data"


def _bindable_list(name: str, value: object, dialect: str) -> list[object]:
    """Return the values of an `IN`, each as a driver is to bind it."""
    if not isinstance(value, list | tuple | set | frozenset):
        raise Invalid({name: f"must be a list of values, not {type(value).__name__}"})
    return [bindable(name, item, dialect) for item in value]


def in_utc(moment: datetime) -> datetime:
    """Return a datetime with an offset as that in UTC, without one; others as they are."""
    if moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)


def _written(value: datetime, dialect: str) -> datetime | str:
    """Return a moment as the driver takes it; SQLite has none and keeps texts."""
    moment = in_utc(value)
    return moment.isoformat(" ") if dialect == "sqlite" else moment


def _document(name: str, value: Document, dialect: str) -> Document | str:
    nested = isinstance(value, dict) or any(isinstance(item, dict) for item in value)
    if not nested and dialect == "postgresql":
        return value or EMPTY_ARRAY
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain_text)
    except (TypeError, ValueError) as error:
        raise Invalid({name: f"cannot be written as JSON: {error}"}) from None


def _plain_text(value: object) -> str:
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(f"{value} is no number of JSON")
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} is not plain data")


def readable(value: object) -> object:
    """Return a value of PostgreSQL as plain data: ranges, alone and in lists, as their texts."""
    if _is_range(value):
        if value.isempty:
            return "empty"
        lower = "" if value.lower is None else value.lower
        upper = "" if value.upper is None else value.upper
        return f"{value.bounds[0]}{lower},{upper}{value.bounds[1]}"
    if isinstance(value, list):
        return [readable(item) for item in value]
    if isinstance(value, Sequence) and type(value).__name__ in MULTIRANGES:
        return "{" + ",".join(str(readable(item)) for item in value) + "}"
    return value


def _is_range(value: object) -> TypeGuard[RangeValue]:
    return hasattr(value, "isempty")
