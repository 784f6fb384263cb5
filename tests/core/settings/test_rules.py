"""What holds for values beyond their types: decimals are finite, and models pass their `check`."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from decimal import Decimal
from typing import Annotated, NewType, TypedDict

import msgspec
import pytest
from hansa import Invalid, Model, load, rule_checker, setting
from hansa.settings.decimals import has_decimals

NOT_FINITE = "Expected a finite number"


class Line(Model):
    amount: Decimal = Decimal(0)
    children: list[Line] = []


class Struct(msgspec.Struct):
    amount: Decimal = msgspec.field(name="theAmount", default=Decimal(0))


@dataclasses.dataclass
class Data:
    amount: Decimal | None = None


class Typed(TypedDict):
    amount: Decimal


class Even(Model):
    number: int

    def check(self) -> None:
        if self.number % 2:
            raise Invalid({"number": "is odd"})


class Order(Model):
    line: Line | None = None
    lines: list[Line] = []
    prices: dict[str, Decimal] = {}
    by_price: dict[Decimal, int] = {}
    pair: tuple[str, Decimal] = ("", Decimal(0))
    described: Annotated[Decimal | None, setting("An amount")] = None
    struct: Struct | None = None
    data: Data | None = None
    typed: Typed | None = None
    choices: set[Decimal] = set()
    even: Even | None = None
    text: str = ""


NESTED = [
    ({"line": {"amount": "NaN"}}, "line.amount"),
    ({"lines": [{}, {"children": [{"amount": "-Infinity"}]}]}, "lines[1].children[0].amount"),
    ({"prices": {"eur": "sNaN"}}, "prices.eur"),
    ({"by_price": {"NaN": 1}}, "by_price"),
    ({"pair": ["a", "inf"]}, "pair[1]"),
    ({"struct": {"theAmount": "nan"}}, "struct.theAmount"),
    ({"data": {"amount": "NaN123"}}, "data.amount"),
    ({"typed": {"amount": "Infinity"}}, "typed.amount"),
    ({"choices": ["NaN"]}, "choices[0]"),
    ({"choices": ["sNaN"]}, "choices[0]"),
    ({"described": "Infinity"}, "described"),
]


@pytest.mark.parametrize(("data", "path"), NESTED)
def test_a_decimal_that_is_no_number_is_refused_by_its_place(data: object, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(Order, data)
    assert caught.value.errors == {path: NOT_FINITE}


def with_text(data: object, text: str) -> object:
    """Return the data with another text in the place of what is no finite number."""
    if isinstance(data, dict):
        return {with_text(key, text): with_text(value, text) for key, value in data.items()}
    if isinstance(data, list):
        return [with_text(item, text) for item in data]
    words = ("nan", "inf")
    return text if isinstance(data, str) and any(word in data.lower() for word in words) else data


@pytest.mark.parametrize("text", ["1_0", "\uff11\uff12", "1\u0660", "1_0.5e1_0", " 1", "1 ", "1\n"])
@pytest.mark.parametrize(("data", "path"), NESTED)
def test_a_text_that_only_python_takes_for_a_decimal_is_refused(
    data: object, path: str, text: str
) -> None:
    with pytest.raises(Invalid) as caught:
        load(Order, with_text(data, text))
    assert caught.value.errors == {path: "Invalid decimal string"}


@pytest.mark.parametrize("text", ["1e999999999", "-1E-999999999", "0e7000", "1e6145"])
@pytest.mark.parametrize(("data", "path"), NESTED)
def test_a_decimal_has_an_exponent_of_a_bounded_size(data: object, path: str, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(Order, with_text(data, text))
    assert caught.value.errors == {path: "Expected a number with an exponent of at most 6144"}
    assert load(Line, {"amount": "-1.5e6144"}).amount == Decimal("-1.5e6144")


def test_what_cannot_be_a_key_is_invalid() -> None:
    with pytest.raises(Invalid, match=r"by_price: .*signaling NaN"):
        load(Order, {"by_price": {"sNaN": 1}})


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        load(Order, {"line": {"amount": "NaN"}, "text": 1})
    assert caught.value.errors == {"line.amount": NOT_FINITE, "text": "Expected `str`, got `int`"}
    with pytest.raises(Invalid) as caught:
        load(Order, {"line": {"amount": "NaN"}, "even": {"number": 1}})
    assert caught.value.errors == {"line.amount": NOT_FINITE, "even.number": "is odd"}


def test_only_types_with_rules_are_looked_through() -> None:
    assert rule_checker(dict[str, list[int | None]]) is None
    assert rule_checker(list[dict[str, list[Even]]]) is not None
    assert rule_checker(list[Struct] | None) is not None


def test_a_class_with_rules_is_let_go() -> None:
    class Loop(Model):
        amount: Decimal = Decimal(0)

    load(Loop, {"amount": "1"})
    reference = weakref.ref(Loop)
    del Loop
    gc.collect()
    assert reference() is None


Amount = NewType("Amount", Annotated[Decimal, setting("x")])
Price = NewType("Price", Decimal)


@dataclasses.dataclass
class Bill:
    price: Price
    amounts: list[Amount]


def test_a_name_of_its_own_changes_no_rule():
    assert load(Bill, {"price": "1.5", "amounts": ["2"]}).price == Decimal("1.5")
    for wrong in ("NaN", "1e999999", "1_0"):
        with pytest.raises(Invalid) as caught:
            load(Bill, {"price": wrong, "amounts": ["1", wrong]})
        assert set(caught.value.errors) == {"price", "amounts[1]"}


class Recursive(Model):
    children: list[Recursive] = []
    number: int = 0


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (Order, True),
        (Line, True),
        (Struct, True),
        (Data, True),
        (Typed, True),
        (Price, True),
        (Bill, True),
        (dict[str, list[Decimal | None]], True),
        (Annotated[tuple[int, Line] | None, setting("x")], True),
        (Even, False),
        (Recursive, False),
        (list[int | str], False),
        (dict, False),
        (int | None, False),
    ],
)
def test_where_decimals_may_be(hint, expected):
    assert has_decimals(hint) is expected
    assert has_decimals(hint) is expected
