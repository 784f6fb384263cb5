"""Times in statements made with SQLAlchemy are bound as those of texts are: in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from typing import Any, TypeAlias

from hansa import Invalid
from sqlalchemy import DateTime, Dialect, Time
from sqlalchemy.types import NullType

from .values import ZONED, ZONED_TIME, in_utc

TypeClass: TypeAlias = Any
"""A class of types of SQLAlchemy."""

Value: TypeAlias = Any
"""A value of a parameter, before and after it is written for the driver."""

Convert: TypeAlias = Callable[[Value], Value]


def bind_in_utc(dialect: Dialect) -> None:
    """Have a dialect without times with an offset bind a datetime that has one as that in UTC, and
    refuse a time of day that has one; otherwise the offset is dropped without a word.
    """
    if dialect.name in ZONED:
        return
    usual: TypeClass = dialect.colspecs
    dialect.colspecs = {
        **usual,
        DateTime: _with_conversion(usual.get(DateTime, DateTime)),
        Time: _with_conversion(usual.get(Time, Time)),
        NullType: _with_conversion(NullType),  # that of parameters in a text()
    }


def _converted(value: Value) -> Value:
    if isinstance(value, datetime):
        return in_utc(value)
    if isinstance(value, time) and value.tzinfo is not None:
        raise Invalid(ZONED_TIME)
    return value


def _with_conversion(base: TypeClass) -> TypeClass:
    """Return a subclass of a type whose values are converted before they are bound."""

    class Converted(base):  # type: ignore[misc]
        def bind_processor(self, dialect: Dialect) -> Convert:
            write: Convert | None = super().bind_processor(dialect)
            if write is None:
                return _converted
            return lambda value: write(_converted(value))

    return Converted
