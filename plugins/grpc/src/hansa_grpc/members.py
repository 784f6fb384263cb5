"""The values of a message's fields: the members of objects, and single values as a field takes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

import msgspec

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor

Names: TypeAlias = tuple[tuple[str, str], ...]
"""The fields of a type: what they are called in Python, and in messages."""
_names: WeakKeyDictionary[type, Names] = WeakKeyDictionary()
"""Those of types that were met; a service that is replaced takes its types along."""


def members_of(value: Any) -> Mapping[str, Any]:
    """Return the members of an object by name; raises TypeError for what has none."""
    if type(value) is dict or isinstance(value, Mapping):
        found: Mapping[str, Any] = value
        return found
    if value is None:
        return {}
    names = _names_of(type(value))
    if names is not None:
        given = {shown: getattr(value, name) for name, shown in names}
        return {name: one for name, one in given.items() if one is not msgspec.UNSET}
    if hasattr(value, "model_dump"):
        found = value.model_dump()
        return found
    raise TypeError(f"expected an object, got {type(value).__name__}")


def _names_of(kind: type) -> Names | None:
    """Return the fields of a dataclass or a Struct; None for what is neither."""
    names = _names.get(kind)
    if names is None:
        if issubclass(kind, msgspec.Struct):
            names = tuple((one.name, one.encode_name) for one in msgspec.structs.fields(kind))
        elif dataclasses.is_dataclass(kind):
            names = tuple((one.name, one.name) for one in dataclasses.fields(kind))
        else:
            return None
        _names[kind] = names
    return names


def scalar_of(field: FieldDescriptor) -> Callable[[Any], Any]:
    """Return what makes a value one that a field takes."""
    # PERF: what is asked of a descriptor here costs more than what is done with it
    if field.enum_type is not None:
        names = field.enum_type.values_by_name.items()
        return partial(_enumerated, {name: one.number for name, one in names})
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        return _bytes if field.type == field.TYPE_BYTES else _text
    if kind == field.CPPTYPE_BOOL:
        return _flag
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return _float
    return _integer


def exact_of(field: FieldDescriptor) -> type | None:
    """Return the type whose values `scalar_of` leaves as they are; None if there is no such type."""
    if field.enum_type is not None or field.message_type is not None:
        return None
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        return bytes if field.type == field.TYPE_BYTES else str
    if kind == field.CPPTYPE_BOOL:
        return bool
    return float if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT) else int


def _plain_of(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _flag(value: Any) -> bool:
    return bool(_of(_plain_of(value), bool))


def _integer(value: Any) -> int:
    found: int = _of(_plain_of(value), int)
    return found


def _float(value: Any) -> float:
    return float(_of(_plain_of(value), int, float, Decimal))


def _of(value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"expected {expected}, got {type(value).__name__}")
    return value


def _enumerated(numbers: Mapping[str, int], value: Any) -> int:
    value = _plain_of(value)
    if isinstance(value, str):
        known = numbers.get(value)
        if known is None:
            raise ValueError(f"{value!r} is none of {', '.join(numbers)}")
        return known
    return _integer(value)


def _bytes(value: Any) -> bytes:
    return bytes(_of(_plain_of(value), bytes, bytearray, memoryview))


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    value = _plain_of(value)
    # times, decimal numbers and UUIDs as JSON has them
    plain = value if isinstance(value, str) else msgspec.to_builtins(value)
    if not isinstance(plain, str):
        raise TypeError(f"expected str, got {type(value).__name__}")
    return plain
