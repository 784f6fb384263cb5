"""What a class declares, in all the ways in which that is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hansa_zato.sio.declaration import declaration
from hansa_zato.sio.naming import by_name
from hypothesis import given, strategies as st
from zato.common.typing_ import list_
from zato.server.service import Int, Model, Service

NAMES = st.lists(st.from_regex(r"\A[a-z][a-z_]{0,8}\Z"), unique=True, max_size=6)


def declared(**attributes: Any) -> Any:
    return declaration(
        type(
            "Some",
            (Service,),
            {"SimpleIO": type("SimpleIO", (), attributes), "handle": lambda self: None},
        )
    )


def names(elements: Any) -> list[str]:
    return [element.name for element in elements]


@given(required=NAMES, optional=NAMES)
def test_tuples_lists_and_sets_are_the_same_but_for_order(
    required: list[str], optional: list[str]
) -> None:
    found = declared(
        input_required=required,
        input_optional=tuple(optional),
        output_required=set(required),
        output_optional=optional,
    )
    expected = required + [name for name in optional if name not in required]
    assert names(found.inputs) == expected
    assert {element.name for element in found.inputs if element.required} == set(required)
    assert names(found.outputs) == sorted(required) + [
        name for name in optional if name not in required
    ]


def test_a_single_name() -> None:
    assert names(declared(input_required="symbol").inputs) == ["symbol"]
    assert names(declared(input="a, -b").inputs) == ["a", "b"]


def test_defaults() -> None:
    found = declared(output_required="a")
    assert (found.profile, found.request_elem, found.response_elem, found.namespace) == (
        "2.0",
        "request",
        "response",
        "",
    )


def test_elements_and_namespace() -> None:
    found = declared(
        request_elem="ask",
        response_elem="tell",
        namespace="urn:x",
        input_required="a",
        output_repeated=True,
    )
    assert (found.request_elem, found.response_elem, found.namespace, found.output_repeated) == (
        "ask",
        "tell",
        "urn:x",
        True,
    )
    assert declared(response_elem=None, output_required="a").response_elem is None


def test_shorthand_on_the_class_is_not_wrapped() -> None:
    class Short(Service):
        input = "user_id", "-name"
        output = ["total", "-note"]

        def handle(self) -> None: ...

    found = declaration(Short)
    assert found is not None
    assert (found.profile, found.response_elem) == ("3.x", None)
    assert [(e.name, e.required) for e in found.inputs] == [("user_id", True), ("name", False)]
    assert [(e.name, e.required) for e in found.outputs] == [("note", False), ("total", True)]


def test_shorthand_in_simpleio_is_wrapped() -> None:
    found = declared(input=("a", Int("-b")), output="c")
    assert (found.profile, found.response_elem) == ("3.x", "response")
    assert [(e.name, e.required, type(e.type)) for e in found.inputs] == [
        ("a", True, type(by_name("a", "3.x"))),
        ("b", False, Int),
    ]


def test_the_wrapper_can_be_switched_off() -> None:
    class Bare(Service):
        _zato_needs_response_wrapper = False

        class SimpleIO:
            output_required = ("a",)

        def handle(self) -> None: ...

    found = declaration(Bare)
    assert found is not None
    assert found.response_elem is None


def test_models() -> None:
    @dataclass(init=False)
    class Order(Model):
        number: int

    class Place(Service):
        input = Order
        output = list_[Order]

        def handle(self) -> None: ...

    found = declaration(Place)
    assert found is not None
    assert found.input_model is not None
    assert found.output_model is not None
    assert (found.input_model.model, found.input_model.many, found.output_model.many) == (
        Order,
        False,
        True,
    )


def test_nothing_declared() -> None:
    class Plain(Service):
        def input(self) -> None:
            """A method of that name declares nothing."""

        def handle(self) -> None: ...

    assert declaration(Plain) is None
    assert Plain.io_models() == (None, None, None)


def test_inherited() -> None:
    class Base:
        input_required = ("a",)

    class Derived(Service):
        class SimpleIO(Base):
            input_optional = ("b",)

        def handle(self) -> None: ...

    found = declaration(Derived)
    assert found is not None
    assert names(found.inputs) == ["a", "b"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"input_required": 5},
        {"output_optional": ("a", 7)},
        {"input_required": [None]},
        {"input": ("-",)},
    ],
)
def test_what_makes_no_sense_is_refused_where_the_class_stands(attributes: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        declared(**attributes)


def test_the_profile_can_be_forced() -> None:
    found = declaration(
        type("Some", (Service,), {"input": ("a",), "handle": lambda self: None}), "2.0"
    )
    assert found is not None
    assert found.profile == "2.0"
