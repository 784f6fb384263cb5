"""What a type of Python is in a message of protobuf."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hansa import Invalid
from hansa_connect.declared import LISTS, Record, is_record, unmarked
from msgspec import inspect

STRUCT = "google.protobuf.Struct"
"""The message of any object."""
_VALUE = "google.protobuf.Value"
_LIST = "google.protobuf.ListValue"
_SCALARS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "bool",
    inspect.IntType: "int64",
    inspect.FloatType: "double",
    inspect.StrType: "string",
    inspect.BytesType: "bytes",
    inspect.ByteArrayType: "bytes",
    inspect.MemoryViewType: "bytes",
    inspect.DecimalType: "string",
    inspect.UUIDType: "string",
    inspect.DateType: "string",
    inspect.TimeType: "string",
}
_MESSAGES: dict[type[inspect.Type], str] = {
    inspect.DateTimeType: "google.protobuf.Timestamp",
    inspect.TimeDeltaType: "google.protobuf.Duration",
    inspect.AnyType: _VALUE,
    inspect.NoneType: _VALUE,
    inspect.TupleType: _LIST,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One field: a scalar `type`, a `record`, or a `message` that protobuf declares.

    `key` is the type of the keys of a map, and else empty.
    """

    type: str = ""
    message: str = ""
    record: Record | None = None
    repeated: bool = False
    key: str = ""


def shape_of(kind: inspect.Type) -> Shape:
    """Return what a type is in a message; raises `Invalid` for one that no message can have."""
    kind, _, _ = unmarked(kind)
    if isinstance(kind, LISTS):
        item = shape_of(kind.item_type)
        if item.repeated:
            # a list of lists, or of maps
            item = Shape(message=_VALUE)
        return replace(item, repeated=True)
    if isinstance(kind, inspect.DictType):
        return _map_of(kind)
    return _single(kind)


def _single(kind: inspect.Type) -> Shape:
    if is_record(kind):
        return Shape(record=kind)
    if type(kind) in _SCALARS:
        return Shape(_SCALARS[type(kind)])
    if type(kind) in _MESSAGES:
        return Shape(message=_MESSAGES[type(kind)])
    if isinstance(kind, inspect.LiteralType):
        return _chosen(kind.values)
    if isinstance(kind, inspect.EnumType):
        return _chosen([member.value for member in kind.cls])
    if isinstance(kind, inspect.UnionType):
        return Shape(message=_VALUE)
    if isinstance(kind, inspect.CustomType) and issubclass(kind.cls, str):
        return Shape("string")
    name = getattr(getattr(kind, "cls", None), "__name__", type(kind).__name__)
    raise Invalid(f"no message can have a {name}")


def _chosen(values: Any) -> Shape:
    if all(isinstance(one, str) for one in values):
        return Shape("string")
    if all(isinstance(one, int) for one in values):
        return Shape("int64")
    return Shape(message=_VALUE)


def _map_of(kind: inspect.DictType) -> Shape:
    key = shape_of(kind.key_type)
    value = shape_of(kind.value_type)
    if key.type not in ("string", "int64"):
        return Shape(message=STRUCT)
    if value.repeated:
        value = Shape(message=_VALUE)
    if value.message == _VALUE and key.type == "string":
        return Shape(message=STRUCT)
    return replace(value, repeated=True, key=key.type)
