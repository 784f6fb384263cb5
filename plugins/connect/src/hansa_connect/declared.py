"""What a type that a service declares consists of, for protocols that derive descriptions from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeGuard

from hansa import Invalid, learn
from msgspec import inspect

Record: TypeAlias = inspect.StructType | inspect.DataclassType | inspect.TypedDictType
LISTS = (
    inspect.ListType,
    inspect.VarTupleType,
    inspect.SetType,
    inspect.FrozenSetType,
    inspect.CollectionType,
)
"""Types whose values are lists of items of one type, their `item_type`."""


def type_of(declared: object) -> inspect.Type:
    """Return a declared type as msgspec knows it, that of any value for None; raises `Invalid`."""
    if declared is None:
        return inspect.AnyType()
    try:
        return inspect.type_info(learn(declared))
    except TypeError as error:
        raise Invalid(f"{declared!r} cannot be described: {error}") from None


def is_record(kind: inspect.Type) -> TypeGuard[Record]:
    """Whether a type has members by name, its `fields`."""
    return isinstance(kind, inspect.StructType | inspect.DataclassType | inspect.TypedDictType)


def is_optional(kind: inspect.Type) -> bool:
    """Whether None is among the values of a type."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return any(is_optional(one) for one in kind.types)
    return isinstance(kind, inspect.NoneType | inspect.AnyType)


def unmarked(kind: inspect.Type) -> tuple[inspect.Type, Mapping[str, Any], str]:
    """Return a type without marks and without None, what `extra` of the marks says, and the
    description.
    """
    marks: dict[str, Any] = {}
    description = ""
    while True:
        if isinstance(kind, inspect.Metadata):
            marks.update(kind.extra or {})
            description = description or (kind.extra_json_schema or {}).get("description", "")
            kind = kind.type
        elif isinstance(kind, inspect.UnionType):
            rest = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
            if len(rest) != 1:
                return kind, marks, description
            kind = rest[0]
        else:
            return kind, marks, description


def documentation_of(cls: type) -> str:
    """Return the docstring of a class in one line; empty for one that a dataclass has made itself."""
    text = vars(cls).get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else " ".join(text.split())
