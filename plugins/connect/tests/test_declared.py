"""What is found out about declared types."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import pytest
from hansa import Invalid, Model, setting
from hansa_connect.declared import (
    LISTS,
    documentation_of,
    is_optional,
    is_record,
    type_of,
    unmarked,
)
from msgspec import Meta, inspect


class Part(Model):
    """A part
    of a whole.
    """

    n: Annotated[int, setting("Its number"), Meta(extra={"mark": 1})]
    maybe: Annotated[str | None, setting("A text")] = None
    parts: list[Part] = []


@dataclasses.dataclass
class Plain:
    n: int


def test_marks_and_descriptions():
    kind = type_of(Part)
    assert is_record(kind)
    number, maybe, parts = (one.type for one in kind.fields)
    bare, marks, description = unmarked(number)
    assert isinstance(bare, inspect.IntType)
    assert (marks["mark"], description) == (1, "Its number")
    bare, _, description = unmarked(maybe)
    assert isinstance(bare, inspect.StrType) and description == "A text"
    assert is_optional(maybe) and not is_optional(number)
    assert isinstance(parts, LISTS) and is_record(parts.item_type)


def test_any_value():
    for declared in (None, Any):
        assert isinstance(type_of(declared), inspect.AnyType)
    assert is_optional(type_of(None))
    assert not is_record(type_of(int))
    union, _, _ = unmarked(type_of(int | str | None))
    assert isinstance(union, inspect.UnionType) and is_optional(union)


def test_what_cannot_be_described():
    with pytest.raises(Invalid, match="cannot be described"):
        type_of("no type")


def test_documentation():
    assert documentation_of(Part) == "A part of a whole."
    assert documentation_of(Plain) == ""
