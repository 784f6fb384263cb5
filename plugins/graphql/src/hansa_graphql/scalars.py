"""Scalars beside those of GraphQL: times, exact numbers, bytes, and anything that JSON can say."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from graphql import GraphQLScalarType

SMALLEST = -(1 << 31)
LARGEST = (1 << 31) - 1
"""The integers of the scalar Int."""
_ISO = "as ISO 8601 has it"
DESCRIPTIONS = {
    "DateTime": f"A time with date, {_ISO}.",
    "Date": f"A date, {_ISO}.",
    "Time": f"A time of day, {_ISO}.",
    "Duration": f"A duration, {_ISO}.",
    "Decimal": "An exact number, as text.",
    "UUID": "A UUID (RFC 9562), as text.",
    "Base64": "Bytes, in Base64.",
    "Long": "An integer of any size.",
    "JSON": "Any value of JSON.",
}
BY_TYPE: dict[type[inspect.Type], str] = {
    inspect.BoolType: "Boolean",
    inspect.FloatType: "Float",
    inspect.StrType: "String",
    inspect.DateTimeType: "DateTime",
    inspect.DateType: "Date",
    inspect.TimeType: "Time",
    inspect.TimeDeltaType: "Duration",
    inspect.DecimalType: "Decimal",
    inspect.UUIDType: "UUID",
    inspect.BytesType: "Base64",
    inspect.ByteArrayType: "Base64",
    inspect.MemoryViewType: "Base64",
}


@cache
def scalar(name: str) -> GraphQLScalarType:
    """Return a scalar by its name."""
    from graphql import GraphQLScalarType, specified_scalar_types

    known = specified_scalar_types.get(name)
    if known is not None:
        return known
    return GraphQLScalarType(name, serialize=_plain, description=DESCRIPTIONS[name])


def integer(kind: inspect.IntType) -> str:
    """Return the scalar of an integer: `Long` if its bounds say that it may be too large for Int."""
    bounds = (kind.ge, kind.gt, kind.le, kind.lt)
    outside = (one is not None and not SMALLEST <= one <= LARGEST + 1 for one in bounds)
    return "Long" if any(outside) else "Int"


def _plain(value: object) -> object:
    found: object = msgspec.to_builtins(value, str_keys=True)
    return found
