"""What a type says of its members by name, whichever way it is declared: models, structs,
dataclasses and typed dictionaries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints, is_typeddict
from uuid import UUID

import msgspec

from .model import Model, fields, without_marks

_SEQUENCES = (list, tuple, set, frozenset)
_NO_VALUES = (NoneType, msgspec.UnsetType)
_NEVER_EMPTY = (bool, int, float, Decimal, date, datetime, time, timedelta, UUID)
"""Types of values that are never written as an empty text."""
_PARTIAL = "__hansa_partial__"
"""The attribute of a record that holds what `partial_record` has made of it."""


@dataclass(frozen=True, slots=True)
class MemberDeclaration:
    """One member of a record.

    `name` is its name in messages, `attribute` that of the Python object; `hint` is its type with
    marks.
    """

    name: str
    attribute: str
    hint: Any
    required: bool


def members(record: Any) -> tuple[MemberDeclaration, ...] | None:
    """Return the members of a record in the order of their declaration; None for any other type."""
    if is_typeddict(record):
        return _of_typed_dictionary(record)
    if not isinstance(record, type):
        return None
    if issubclass(record, Model):
        return tuple(
            MemberDeclaration(one.name, one.name, one.hint, one.required) for one in fields(record)
        )
    if issubclass(record, msgspec.Struct):
        return _of_struct(record)
    if dataclasses.is_dataclass(record):
        return _of_dataclass(record)
    return None


def _of_struct(record: type[msgspec.Struct]) -> tuple[MemberDeclaration, ...]:
    hints = get_type_hints(record, include_extras=True)
    return tuple(
        MemberDeclaration(one.encode_name, one.name, hints[one.name], one.required)
        for one in msgspec.structs.fields(record)
    )


def _of_dataclass(record: type) -> tuple[MemberDeclaration, ...]:
    hints = get_type_hints(record, include_extras=True)
    missing = dataclasses.MISSING
    found: list[MemberDeclaration] = []
    for one in dataclasses.fields(record):
        required = one.default is missing and one.default_factory is missing
        found.append(MemberDeclaration(one.name, one.name, hints[one.name], required))
    return tuple(found)


def _of_typed_dictionary(record: Any) -> tuple[MemberDeclaration, ...]:
    hints = get_type_hints(record)
    required: frozenset[str] = record.__required_keys__
    return tuple(MemberDeclaration(name, name, hints[name], name in required) for name in hints)


def partial_record(record: Any, declared: Iterable[MemberDeclaration]) -> type[Any]:
    """Return a type with the members of a record, each of which may be left out: it is then
    `msgspec.UNSET`. It has no `check`.

    PERF: it is made once for each record, which keeps it, and not for each channel: making one
    takes 1.5 ms, which was most of the start of a channel.
    """
    found = vars(record).get(_PARTIAL)
    if found is None:
        found = _make_partial(record, tuple(declared))
        setattr(record, _PARTIAL, found)
    made: type[Any] = found
    return made


def _make_partial(record: Any, declared: tuple[MemberDeclaration, ...]) -> type[Any]:
    if isinstance(record, type) and issubclass(record, Model):
        namespace: dict[str, object] = dict.fromkeys(
            (one.attribute for one in declared), msgspec.UNSET
        )
        namespace["__annotations__"] = {one.attribute: one.hint for one in declared}
        return type(record.__name__, (Model,), namespace)
    return msgspec.defstruct(
        record.__name__,
        [(one.attribute, one.hint, msgspec.UNSET) for one in declared],
        rename={one.attribute: one.name for one in declared},
        kw_only=True,
    )


def alternatives(hint: object) -> tuple[Any, ...]:
    """Return the types that a value may have, without marks, names of their own and None."""
    bare = without_marks(hint)
    while isinstance(bare, NewType):
        bare = without_marks(bare.__supertype__)
    if get_origin(bare) not in (Union, UnionType):
        return (bare,)
    found: list[Any] = []
    for argument in get_args(bare):
        found += alternatives(argument)
    return tuple(one for one in found if one not in _NO_VALUES)


def types_within(hint: object) -> Iterator[Any]:
    """Return the types that a value of a type may have, and those of all that may be in it."""
    return _types_within(hint, set())


def _types_within(hint: object, seen: set[object]) -> Iterator[Any]:
    for kind in alternatives(hint):
        yield kind
        declared = members(kind)
        if declared is None:
            for argument in get_args(kind):
                yield from _types_within(argument, seen)
        elif kind not in seen:
            seen.add(kind)
            for member in declared:
                yield from _types_within(member.hint, seen)


def member_hints(types: Iterable[Any]) -> tuple[dict[Any, Any], Any]:
    """Return the types of what an object of some type has: of its members, by their names in
    messages, and of everything else in it.
    """
    hints: dict[Any, Any] = {}
    rest: Any = Any
    for one in types:
        if get_origin(one) is dict:
            rest = get_args(one)[1]
        for member in members(one) or ():
            hints.setdefault(member.name, member.hint)
    return hints, rest


def item_hint(hint: Any, index: int = 0) -> Any:
    """Return the type of an item of a list, a set or a tuple."""
    arguments = get_args(hint)
    if get_origin(hint) is tuple and index < len(arguments) and arguments[-1] is not Ellipsis:
        return arguments[index]
    return arguments[0] if arguments else Any


def is_list(hint: object) -> bool:
    """Whether values of a type are lists (or tuples, or sets) and nothing else, but for None."""
    return _all(hint, lambda kind: kind in _SEQUENCES)


def is_scalar(hint: object) -> bool:
    """Whether no value of a type is a list, as far as it is known."""
    return _all(hint, lambda kind: kind not in (*_SEQUENCES, Any, object))


def takes_empty_text(hint: object) -> bool:
    """Whether an empty text may be a value of a type: not of numbers, booleans, times, UUIDs, and
    enumerations or literals without it.
    """
    return any(_takes_empty_text(one) for one in alternatives(hint))


def _takes_empty_text(kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return "" in get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return any(member.value == "" for member in kind)
    return kind not in _NEVER_EMPTY


def _all(hint: object, test: Callable[[object], bool]) -> bool:
    return all(test(get_origin(one) or one) for one in alternatives(hint))
