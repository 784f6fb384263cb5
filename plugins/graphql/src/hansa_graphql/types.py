"""Types of GraphQL, derived from what services declare."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from hansa import Invalid, PassedObject, Secret
from hansa_connect.declared import (
    LISTS,
    Record,
    documentation_of,
    is_optional,
    is_record,
    type_of,
    unmarked,
)
from msgspec import inspect

from .scalars import BY_TYPE, integer, scalar

if TYPE_CHECKING:
    from graphql import GraphQLArgument, GraphQLField, GraphQLInputField

AnyType: TypeAlias = Any
"""A type of graphql-core: those for inputs and outputs have no base in common that helps."""
_is_name = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*").fullmatch


class Types:
    """The types of one schema, by name; a class is one type, wherever it is used."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[type, AnyType]] = {}

    def arguments(self, declared: object) -> dict[str, GraphQLArgument]:
        """Return the arguments of a service's Input; raises `Invalid`."""
        from graphql import GraphQLArgument

        if declared is None:
            return {}
        kind, _, _ = unmarked(type_of(declared))
        if not is_record(kind):
            raise Invalid("its Input is not an object, whose members could be arguments")
        found = {}
        for one in kind.fields:
            _, _, description = unmarked(one.type)
            made = self._input(one.type, one.required)
            found[_named(kind, one.encode_name)] = GraphQLArgument(
                made, description=description or None
            )
        return found

    def output(self, declared: object) -> AnyType:
        """Return the type of a service's Output, any value without one; raises `Invalid`.

        It may always be null: that is what a field is whose service fails.
        """
        return self._of(type_of(declared), self._object)

    # ----------------------------------------------------------------------------------------------

    def _input(self, kind: inspect.Type, required: bool) -> AnyType:
        from graphql import GraphQLNonNull

        found = self._of(kind, self._input_object)
        return GraphQLNonNull(found) if required and not is_optional(kind) else found

    def _of(self, kind: inspect.Type, record: Callable[[Record], AnyType]) -> AnyType:
        from graphql import GraphQLList, GraphQLNonNull

        bare, _, _ = unmarked(kind)
        if isinstance(bare, LISTS):
            item = self._of(bare.item_type, record)
            return GraphQLList(item if is_optional(bare.item_type) else GraphQLNonNull(item))
        if is_record(bare):
            return record(bare)
        if isinstance(bare, inspect.EnumType):
            return self._enumeration(bare)
        return scalar(_scalar_of(bare))

    def _object(self, record: Record) -> AnyType:
        from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType

        def fields() -> dict[str, GraphQLField]:
            found = {}
            for one in record.fields:
                if _is_secret(one.type):
                    continue
                made = self._of(one.type, self._object)
                if not is_optional(one.type):
                    made = GraphQLNonNull(made)
                _, _, description = unmarked(one.type)
                name = _named(record, one.encode_name)
                resolve = _reader(one.encode_name, one.name)
                found[name] = GraphQLField(made, resolve=resolve, description=description or None)
            return found

        name = record.cls.__name__
        return self._once(
            name,
            record.cls,
            lambda: GraphQLObjectType(name, fields, description=_about(record) or None),
        )

    def _input_object(self, record: Record) -> AnyType:
        from graphql import GraphQLInputField, GraphQLInputObjectType

        def fields() -> dict[str, GraphQLInputField]:
            found = {}
            for one in record.fields:
                _, _, description = unmarked(one.type)
                made = self._input(one.type, one.required)
                name = _named(record, one.encode_name)
                found[name] = GraphQLInputField(made, description=description or None)
            return found

        name = f"{record.cls.__name__}Input"
        return self._once(
            name,
            record.cls,
            lambda: GraphQLInputObjectType(name, fields, description=_about(record) or None),
        )

    def _enumeration(self, kind: inspect.EnumType) -> AnyType:
        """Return an enumeration of values that are names, and else their scalar."""
        from graphql import GraphQLEnumType

        values = [member.value for member in kind.cls]
        if not all(isinstance(one, str) for one in values):
            return scalar("JSON")
        if not all(_is_name(one) and one not in ("true", "false", "null") for one in values):
            return scalar("String")
        name = kind.cls.__name__
        return self._once(
            name, kind.cls, lambda: GraphQLEnumType(name, {one: one for one in values})
        )

    def _once(self, name: str, cls: type, make: Callable[[], AnyType]) -> AnyType:
        known = self._known.get(name)
        if known is None:
            known = (cls, make())
            self._known[name] = known
        if known[0] is not cls:
            raise Invalid(
                f"two classes would be the type {name}: rename {_path(cls)} or {_path(known[0])}"
            )
        return known[1]


def _scalar_of(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.IntType):
        return integer(kind)
    if isinstance(kind, inspect.LiteralType):
        return "String" if all(isinstance(one, str) for one in kind.values) else "JSON"
    if isinstance(kind, inspect.CustomType):
        if issubclass(kind.cls, PassedObject) or not issubclass(kind.cls, str):
            raise Invalid(f"no value of GraphQL can be a {kind.cls.__name__}")
        return "String"
    return BY_TYPE.get(type(kind), "JSON")


def _is_secret(kind: inspect.Type) -> bool:
    bare, _, _ = unmarked(kind)
    if isinstance(bare, LISTS):
        return _is_secret(bare.item_type)
    if isinstance(bare, inspect.DictType):
        return _is_secret(bare.value_type)
    return isinstance(bare, inspect.CustomType) and issubclass(bare.cls, Secret)


def _reader(name: str, attribute: str) -> Callable[[object, object], object]:
    def read(source: object, info: object) -> object:
        if isinstance(source, dict):
            value = source.get(name)
        else:
            value = getattr(source, attribute, None)
        return _plain_value(value)

    return read


def _plain_value(value: object) -> object:
    """Return the value of a member of an enumeration, and anything else as it is."""
    from enum import Enum

    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain_value(one) for one in value]
    return value


def _named(record: Record, name: str) -> str:
    if not _is_name(name):
        raise Invalid(f"{record.cls.__name__}: {name!r} cannot be the name of a field")
    return name


def _about(record: Record) -> str:
    return documentation_of(record.cls)


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
