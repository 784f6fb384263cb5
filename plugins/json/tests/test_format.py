"""The format json: round trips, every fault at once, secrets kept, hostile texts refused."""

from __future__ import annotations

import contextlib
import datetime
import json
import math
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import pydantic
import pytest
from hansa import Invalid, Model, Refused, Secret, Service
from hansa.contract.message import Request
from hansa.contract.service import Binding
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer
from hansa_json.format import JsonFormat
from hansa_json.plugin import hansa_formats
from hansa_json.writing import write_json, write_with_secrets
from hypothesis import given, strategies as st
from lxml import etree


class Line(Model):
    sku: str
    count: int = 1

    def check(self) -> None:
        if self.count < 1:
            raise Invalid({"count": "must be positive"})


class Order(Model):
    number: int
    total: Decimal
    lines: list[Line] = field(default_factory=list)
    note: str | None = None
    due: datetime.date | None = None


class Login(Model):
    user: str
    password: Secret


class Pydantic(pydantic.BaseModel):
    name: str
    size: int = pydantic.Field(default=1, ge=1)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=30,
)


@given(json_values)
def test_plain_data_round_trips_and_agrees_with_the_standard_library(value):
    format = JsonFormat()
    raw = format.render(value)
    assert format.parse(raw) == value == json.loads(raw)
    assert format.parse(json.dumps(value).encode()) == value


@given(
    st.builds(
        Order,
        number=st.integers(-(2**63), 2**63 - 1),
        total=st.decimals(allow_nan=False, allow_infinity=False),
        lines=st.lists(
            st.builds(
                Line,
                sku=st.text(st.characters(exclude_categories=["Cs"])),
                count=st.integers(1, 99),
            )
        ),
        note=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        due=st.none() | st.dates(),
    )
)
def test_models_round_trip(order):
    format = JsonFormat()
    assert format.parse(format.render(order), Order) == order


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    for model in (Order, Pydantic, dict):
        with contextlib.suppress(Invalid):
            assert isinstance(JsonFormat().parse(raw, model), model)
    with contextlib.suppress(Invalid):
        value = JsonFormat().parse(raw, None)
        assert value == json.loads(raw)


@pytest.mark.parametrize("model", [None, Order, dict])
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1,]",
        b"{'a':1}",
        b"NaN",
        b'{"number": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b'"\\ud800"',
        b'["\\udc00\\ud800"]',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"{}{}",
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 101 + b"]" * 101,
        b'{"number": ' + b"[" * 101 + b"]" * 101 + b"}",
        b'{"note": 1' + b"0" * 10_000 + b"}",
    ],
)
def test_hostile_texts_are_invalid(raw, model):
    with pytest.raises(Invalid) as caught:
        JsonFormat().parse(raw, model)
    assert caught.value.status == 400
    assert caught.value.errors


def test_a_hundred_levels_pass_and_brackets_in_texts_do_not_count():
    deep = b"[" * 100 + b"]" * 100
    assert JsonFormat().parse(deep)
    text = json.dumps(["[" * 500, '\\"[' * 200, "\\"]).encode()
    assert JsonFormat().parse(text) == ["[" * 500, '\\"[' * 200, "\\"]


def test_every_fault_is_told_by_field():
    with pytest.raises(Invalid) as caught:
        JsonFormat().parse(
            b'{"total": "much", "lines": [{"count": "x"}, {"sku": 1}], "due": "2026-02-30"}', Order
        )
    assert set(caught.value.errors) == {
        "number",
        "total",
        "lines[0].sku",
        "lines[0].count",
        "lines[1].sku",
        "due",
    }


def test_check_runs_in_models_at_any_depth():
    with pytest.raises(Invalid) as caught:
        JsonFormat().parse(
            b'{"number": 1, "total": 1, "lines": [{"sku": "a"}, {"sku": "b", "count": 0}]}', Order
        )
    assert caught.value.errors == {"lines[1].count": "must be positive"}
    with pytest.raises(Invalid) as caught:
        JsonFormat().parse(b'{"x": {"sku": "a", "count": -1}}', dict[str, Line])
    assert caught.value.errors == {"x.count": "must be positive"}


def test_integers_keep_their_digits_and_unknown_keys_are_ignored():
    assert JsonFormat().parse(b'{"a": 18446744073709551615}') == {"a": 2**64 - 1}
    assert JsonFormat().parse(b'{"number": 1, "total": "0.10", "other": 1}', Order) == Order(
        number=1, total=Decimal("0.10")
    )


def test_secrets_are_read_and_never_written():
    login = JsonFormat().parse(b'{"user": "u", "password": "canary"}', Login)
    assert login.password == "canary"
    assert isinstance(login.password, Secret)
    for value in (
        login,
        [login],
        {"deep": {"login": login}},
        Secret("canary"),
        {"s": Secret("canary"), "lazy": (i for i in [login])},
    ):
        assert b"canary" not in JsonFormat().render(value)


def test_what_is_written():
    class Text(str):
        __slots__ = ()

    @dataclass
    class Point:
        x: int

    class Struct(msgspec.Struct):
        y: int

    class Data:
        def to_data(self):
            return {"z": [1]}

    format = JsonFormat()
    assert format.render(
        [
            Text("t"),
            Point(1),
            Struct(2),
            Data(),
            Pydantic(name="p"),
            {1},
            (i for i in "ab"),
            {}.keys(),
        ]
    ) == (b'["t",{"x":1},{"y":2},{"z":[1]},{"name":"p","size":1},[1],["a","b"],[]]')
    assert (
        format.render([None, 2**70, Decimal("1.10"), datetime.date(2026, 1, 2)])
        == b'[null,1180591620717411303424,"1.10","2026-01-02"]'
    )
    assert format.render([{1: 2}, {2}, b"\xff", bytearray(b"\xff"), deque("a")]) == (
        b'[{"1":2},[2],"/w==","/w==",["a"]]'
    )


DECIMALS = [Decimal(text) for text in ("NaN", "-NaN7", "sNaN", "Infinity", "-Infinity")]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -math.nan, *DECIMALS])
def test_numbers_that_json_does_not_have_are_refused_by_their_place(number):
    class Measured(Model):
        values: list[float | None]

    for value, place in (
        (number, ""),
        ({"rates": [None, {"x": number}]}, "rates[1].x"),
        (Measured(values=[1.0, number]), "values[1]"),
        ([2**70, number], "[1]"),
    ):
        for write in (write_json, write_with_secrets):
            with pytest.raises(Invalid) as caught:
                write(value)
            assert caught.value.errors == {place: f"{number} is no number of JSON"}
    for generator in ((one for one in (1.0, number)), [[1], iter([number])]):
        with pytest.raises(Invalid, match="is no number of JSON"):
            write_json(generator)


def test_a_text_that_says_nan_is_a_text():
    value = ["NaN", {"Infinity": '"Infinity"'}, Decimal("1.50"), iter(["NaN"])]
    assert write_json(value) == b'["NaN",{"Infinity":"\\"Infinity\\""},"1.50",["NaN"]]'


def test_objects_whose_content_is_not_known_are_refused_by_name():
    class Rows:
        def __iter__(self):
            return iter("ab")

    element = etree.fromstring("<a>text<b/>tail</a>")
    for value, name in ((element, "lxml.etree._Element"), (Rows(), "Rows")):
        for holder in (value, [value], {"deep": {"value": value}}):
            with pytest.raises(Invalid, match=f"{name} cannot be written as JSON"):
                JsonFormat().render(holder)


def test_what_cannot_be_written_is_invalid():
    loop: list = []
    loop.append(loop)
    for value in (object(), {"a": object()}, "\ud800", {"\udfff": 1}, loop, {None: 1}):
        with pytest.raises(Invalid):
            JsonFormat().render(value)


def test_pydantic_models_are_read_and_their_faults_told():
    format = JsonFormat()
    assert format.parse(b'{"name": "a"}', Pydantic) == Pydantic(name="a")
    with pytest.raises(Invalid) as caught:
        format.parse(b'{"size": 0}', Pydantic)
    assert set(caught.value.errors) == {"name", "size"}


def test_errors_are_problem_details():
    raw, content_type = JsonFormat().render_error(Invalid({"a": "missing"}), "K1")
    assert content_type == "application/problem+json"
    assert json.loads(raw) == {
        "status": 400,
        "code": "invalid",
        "title": "Invalid input",
        "detail": "a: missing",
        "cid": "K1",
        "errors": {"a": "missing"},
    }
    assert json.loads(JsonFormat().render_error(Refused("no \ud800"), "K2")[0])["cid"] == "K2"
    raw, _ = JsonFormat().render_error(ValueError("internal canary"), "K3")
    assert b"canary" not in raw


def test_a_route_answers_bad_input_with_400():
    class Echo(Service):
        Input, Output = Order, Order

        def handle(self):
            return self.request.input

    (cls,) = hansa_formats()
    route = compile_route(Binding("echo", LocalServer(), cls()), Echo)
    good = route(Request(raw=b'{"number": 1, "total": "2.50"}'))
    assert (good.status, good.content_type, json.loads(good.raw)["total"]) == (
        200,
        "application/json",
        "2.50",
    )
    bad = route(Request(raw=b'{"number": "1"}', cid="K9"))
    assert (bad.status, bad.outcome, bad.content_type) == (
        400,
        "reject",
        "application/problem+json",
    )
    assert json.loads(bad.raw)["errors"].keys() == {"number", "total"}
    assert json.loads(bad.raw)["cid"] == "K9"
