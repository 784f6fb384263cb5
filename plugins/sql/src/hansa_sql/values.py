"""Values on their way into a database and out of it, alike with every driver."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isnan
from typing import Protocol, TypeAlias, TypeGuard
from uuid import UUID

from hansa import Invalid

ZONED = frozenset({"postgresql", "oracle"})
"""Dialects whose drivers bind a time with its offset."""


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

    An aware datetime becomes one in UTC, without an offset where the database knows none. A dict, a
    list with dicts or lists in it, and where there are no arrays any list, becomes a text of JSON;
    `expanding` is for the values of an `IN`. Raises `Invalid` for what would be changed.
    """
    if expanding:
        return _bindable_list(name, value, dialect)
    if isinstance(value, datetime) and value.tzinfo is not None:
        moment = value.astimezone(UTC)
        return moment if dialect in ZONED else _written(moment.replace(tzinfo=None), dialect)
    if isinstance(value, time) and value.tzinfo is not None and dialect not in ZONED:
        raise Invalid({name: "a time of day with an offset cannot be stored in this database"})
    if isinstance(value, dict | list):
        return _document(name, value, dialect)
    if dialect == "sqlite" and isinstance(value, float) and isnan(value):
        raise Invalid({name: "is NaN, which SQLite would store as NULL"})
    return value


def _bindable_list(name: str, value: object, dialect: str) -> list[object]:
    """Return the values of an `IN`, each as a driver is to bind it."""
    if not isinstance(value, list | tuple | set | frozenset):
        raise Invalid({name: f"must be a list of values, not {type(value).__name__}"})
    return [bindable(name, item, dialect) for item in value]


def _written(moment: datetime, dialect: str) -> datetime | str:
    """Return a time as the driver takes it; SQLite has none and keeps texts."""
    return moment.isoformat(" ") if dialect == "sqlite" else moment


def _document(name: str, value: Document, dialect: str) -> Document | str:
    nested = isinstance(value, dict) or any(isinstance(item, dict) for item in value)
    if not nested and dialect == "postgresql":
        return value  # an array
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
