"""Parameters of path and query: typed as the input declares them, over a body read as without them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypedDict

import msgspec
import pytest
from hansa import Invalid, Model, Secret, typed_parameters
from hansa.contract.conversion import input_reader
from hansa.contract.message import Request
from hansa_json.format import JsonFormat
from hypothesis import given, strategies as st
from pydantic import BaseModel


class Line(Model):
    sku: str
    price: Decimal = Decimal(0)


class Order(Model):
    id: int
    name: str = ""
    tags: list[str] = []
    numbers: set[int] | None = None
    amount: Decimal = Decimal(0)
    rate: float = 0.0
    lines: list[Line] = []
    due: datetime | None = None
    anything: Any = None

    def check(self) -> None:
        if self.name == "wrong":
            raise Invalid({"name": "is wrong"})


class OrderStruct(msgspec.Struct, rename="camel"):
    order_id: int
    tags: list[str] = []
    amount: Decimal = Decimal(0)


@dataclass
class OrderData:
    id: int
    amount: Decimal = Decimal(0)


class OrderDict(TypedDict, total=False):
    id: int
    amount: Decimal


class OrderPydantic(BaseModel):
    id: int
    tags: list[str] = []
    amount: Decimal = Decimal(0)


def read(model: Any, raw: bytes = b"", **params: Any) -> Any:
    return input_reader(model, JsonFormat())(Request(raw, params=params))


def faults(model: Any, raw: bytes = b"", **params: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read(model, raw, **params)
    return caught.value.errors


@pytest.mark.parametrize(
    "body",
    [
        b'"amount":9007199254740993.25',
        b'"amount":100.10',
        b'"amount":"100.10"',
        b'"amount":18446744073709551617',
        b'"lines":[{"sku":"a","price":9007199254740993.25}],"name":"x"',
        b'"anything":{"deep":[1,2.5,null]},"due":"2026-01-02T03:04:05Z"',
        b'"unknown":1',
    ],
)
def test_a_body_is_read_as_without_parameters(body: bytes):
    alone = read(Order, b'{"id":1,' + body + b"}")
    assert read(Order, b"{" + body + b"}", id="1") == alone
    assert read(Order, b'{"id":2,' + body + b"}", id="1") == alone
    assert str(read(Order, b"{" + body + b"}", id="1").amount) == str(alone.amount)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_decimal_is_read_as_without_parameters(amount: Decimal):
    body = b'"amount":%s}' % format(amount, "f").encode()
    assert str(read(Order, b"{" + body, id="1")) == str(read(Order, b'{"id":1,' + body))


@pytest.mark.parametrize(
    "body", [b'{"id":"1"}', b'{"id":1,"tags":"a"}', b'{"id":1,"amount":true}', b'{"id":1,']
)
def test_a_body_that_is_refused_is_refused_with_parameters_too(body: bytes):
    assert faults(Order, body, name="x") == faults(Order, body)


OBJECTS = [Order, OrderStruct, OrderData, OrderDict, OrderPydantic, dict[str, str]]


@pytest.mark.parametrize("model", OBJECTS)
@pytest.mark.parametrize(("body", "kind"), [(b"[]", "array"), (b'"a"', "str"), (b"1", "int")])
def test_a_body_that_is_no_object_names_the_setting(model: Any, body: bytes, kind: str):
    assert faults(model, body, name="x") == {
        "": f"expected an object, got {kind}; only an object can be merged with parameters of path"
        " and query, and the channel's setting merge_url_params_req = false keeps them apart"
    }


def test_all_faults_of_body_and_parameters_are_reported():
    found = faults(Order, b'{"tags":[1],"amount":"x"}', name=["a", "b"], rate="much")
    assert found.keys() == {"name"}
    found = faults(Order, b'{"tags":[1],"amount":"x"}', rate="much")
    assert found.keys() == {"id", "tags[0]", "amount", "rate"}
    assert faults(Order, b"{}", rate="1") == {"id": "required, and missing"}
    assert faults(Order, b'{"id":1}', name="wrong") == {"name": "is wrong"}


def test_the_shape_of_a_value_is_that_of_its_type():
    found = read(Order, id="5", tags="a", numbers="7", anything="x")
    assert (found.tags, found.numbers, found.anything) == (["a"], {7}, "x")
    found = read(Order, id="5", tags=["a", "b"], numbers=["7", "8"], anything=["x", "y"])
    assert (found.tags, found.numbers, found.anything) == (["a", "b"], {7, 8}, ["x", "y"])
    assert faults(Order, id=["5", "6"]) == {"id": "given 2 times, and takes one value"}
    assert read(None, id="5", tags=["a", "b"]) == {"id": "5", "tags": ["a", "b"]}
    assert read(dict[str, list[int]], a="1") == {"a": [1]}


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have_are_refused(text: str):
    assert faults(Order, id="1", rate=text) == {"rate": "Expected a finite number"}


@pytest.mark.parametrize("text", ["nan", "sNaN", "-NaN123", "inf", "-Infinity"])
def test_decimals_that_json_does_not_have_are_refused(text: str):
    assert faults(Order, id="1", amount=text) == {"amount": "Expected a finite number"}
    assert faults(dict[str, list[Decimal]], a=["1", text]) == {"a[1]": "Expected a finite number"}
    body = b'{"id":1,"amount":"%s"}' % text.encode()
    assert faults(Order, body) == {"amount": "Expected a finite number"}
    assert faults(Order, body, name="x") == {"amount": "Expected a finite number"}


def test_a_decimal_may_be_larger_than_any_float():
    assert read(Order, id="1", amount="1e999").amount == Decimal("1e999")


def test_every_kind_of_declaration_is_merged():
    body = b'{"amount":9007199254740993.25}'
    exact = Decimal("9007199254740993.25")
    assert read(OrderStruct, body, orderId="1", tags="a") == OrderStruct(1, ["a"], exact)
    assert read(OrderData, body, id="1") == OrderData(1, exact)
    assert read(OrderDict, body, id="1") == {"id": 1, "amount": exact}
    assert read(Order | None, body, id="1") == Order(id=1, amount=exact)
    assert read(dict[str, Decimal], body, id="1") == {"id": 1, "amount": exact}
    assert read(OrderPydantic, b'{"amount":1}', id="1", tags="a").tags == ["a"]
    assert faults(OrderPydantic, b'{"amount":1}', id="x").keys() == {"id"}
    assert faults(OrderStruct, b'{"orderId":"1"}', tags="a") == faults(
        OrderStruct, b'{"orderId":"1"}'
    )


@pytest.mark.parametrize("model", [None, list[int], dict[str, int] | list[int]])
def test_a_body_that_cannot_be_merged_names_the_setting(model: Any):
    assert read(model, b"[1]") == [1]
    with pytest.raises(Invalid, match="merge_url_params_req = false"):
        read(model, b"[1]", id="1")


@pytest.mark.parametrize("format", [JsonFormat(), None])
def test_an_empty_body_is_none_and_an_object_without_members_where_one_is_declared(format: Any):
    def read_empty(model: Any) -> Any:
        return input_reader(model, format)(Request(headers={"content-type": "application/json"}))

    class Optional(Model):
        name: str = "default"

    assert read_empty(None) is None
    assert read_empty(Optional) == Optional()
    assert read_empty(dict[str, int]) == {}
    assert read_empty(Optional | None) is None
    for model in (Order, list[int], OrderPydantic):
        with pytest.raises(Invalid):
            read_empty(model)


def test_typed_parameters_are_plain_data():
    class Login(Model):
        password: Secret
        port: int = 1

    given = {"password": "p", "port": "7", "other": "8"}
    assert typed_parameters(Login, given) == {"password": "p", "port": 7, "other": "8"}
    with pytest.raises(Invalid) as caught:
        typed_parameters(Login, {"port": "x"})
    assert caught.value.errors.keys() == {"port"}


class Size(Enum):
    SMALL = "s"


class Answers(Model):
    required: int
    number: int | None = 5
    rate: float = 1.5
    day: date | None = None
    yes: bool = True
    size: Size = Size.SMALL
    side: Literal["left", "right"] = "left"
    side_or_none: Literal["", "right"] = "right"
    text: str = "text"
    perhaps: str | int = 1


def test_a_field_left_empty_counts_as_not_given_where_no_value_is_an_empty_text() -> None:
    empty = dict.fromkeys(("number", "rate", "day", "yes", "size", "side"), "")
    for raw in (b"", b'{"required": 2}', b'{"required": 2, "number": 7}'):
        found = read(Answers, raw, required="1", text="", perhaps="", side_or_none="", **empty)
        assert found.required == 1
        assert found.number == (7 if b"number" in raw else 5)
        assert (found.rate, found.day, found.yes, found.size) == (1.5, None, True, Size.SMALL)
        assert (found.side, found.side_or_none, found.text, found.perhaps) == ("left", "", "", "")
    assert faults(Answers, required="") == {"required": "required, and missing"}
    assert set(faults(Answers, b'{"rate": "x"}', required="")) == {"required", "rate"}
    assert read(dict[str, int], a="", b="1") == {"b": 1}
    assert read(None, a="") == {"a": ""}


def test_a_checkbox_of_a_form_is_true() -> None:
    class Boxes(Model):
        checked: bool = False
        unchecked: bool = False
        perhaps: bool | None = None
        text: str | bool = ""

    found = read(Boxes, checked="on", perhaps="on", text="on")
    assert (found.checked, found.unchecked, found.perhaps, found.text) == (True, False, True, "on")
    assert "checked" in faults(Boxes, checked="off-and-on")
    assert "checked" in faults(Boxes, b'{"checked": "on"}', text="x")
