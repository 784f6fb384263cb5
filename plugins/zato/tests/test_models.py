"""Dataclasses as input and output, and what is derived from declarations for other plugins."""

from __future__ import annotations

import datetime
import decimal
import json
from typing import Any

import pytest
from hansa import Invalid, fields
from hansa_zato.sio import models
from hansa_zato.sio.declaration import declaration
from hansa_zato.sio.reading import reader
from hypothesis import given, strategies as st
from zato.common.marshal_.api import Model
from zato.common.typing_ import dictnone, intnone, list_, optional, strlist, strnone
from zato.server.service import CSV, Boolean, Int, List, Service, dataclass

from plugins.zato.tests.facade import Facade


@dataclass(init=False)
class Line(Model):
    """A line of an order."""

    item: str
    count: int = 1


@dataclass(init=False)
class Order(Model):
    """An order."""

    number: int
    customer: strnone
    lines: list_[Line]
    paid: bool = False
    tags: optional[strlist] = None
    extra: dictnone = None


class Place(Service):
    """Gives back what it got."""

    input = Order
    output = Order

    def handle(self) -> None:
        order: Order = self.request.input
        assert isinstance(order, Order)
        assert all(isinstance(line, Line) for line in order.lines)
        self.response.payload = order


class Report(Service):
    """Gives a list."""

    output = list_[Line]

    def handle(self) -> None:
        self.response.payload = [{"item": "a", "count": 2}, Line.from_dict({"item": "b"})]


def test_in_and_out_without_a_wrapper(server: Facade) -> None:
    given = {
        "number": "5",
        "lines": [{"item": "a"}, {"item": "b", "count": "7"}],
        "paid": "yes",
        "ignored": 1,
    }
    answer = json.loads(server.call(Place, json.dumps(given)).raw)
    assert answer == {
        "number": 5,
        "customer": None,
        "lines": [{"item": "a", "count": 1}, {"item": "b", "count": 7}],
        "paid": True,
        "tags": None,
        "extra": None,
    }


def test_a_list_of_models(server: Facade) -> None:
    assert json.loads(server.call(Report, "").raw) == [
        {"item": "a", "count": 2},
        {"item": "b", "count": 1},
    ]


def test_all_faults_at_once(server: Facade) -> None:
    response = server.call(Place, '{"lines": [{"count": "x"}, 5], "paid": "perhaps"}', cid="K1")
    assert response.status == 400
    details = json.loads(response.raw)["details"]
    for fault in (
        "number: required",
        "lines[0].item: required",
        "lines[0].count: Expected `int`",
        "lines[1]: expected an object",
        "paid: expected a boolean",
    ):
        assert fault in details


def test_parameters_are_merged(server: Facade) -> None:
    found = server.call(Place, '{"lines": [], "number": 1}', params={"number": "2"})
    assert json.loads(found.raw)["number"] == 2


def test_xml(server: Facade) -> None:
    response = server.call(
        Place,
        "<request><number>5</number><customer>x</customer><lines><item>a</item></lines></request>",
        "xml",
    )
    assert (
        response.status == 400
    )  # one <lines> is no list: a list of models has no shape in XML that says so
    assert b"lines" in response.raw


def test_output_that_does_not_fit(server: Facade) -> None:
    def answer(self: Any) -> None:
        self.response.payload = {"item": 5}

    assert (
        server.call(type("Bad", (Service,), {"output": Line, "handle": answer}), "").status == 500
    )


def test_a_model_without_a_declared_output(server: Facade) -> None:
    def answer(self: Any) -> None:
        self.response.payload = Line.from_dict({"item": "a"})

    assert json.loads(server.call(type("Free", (Service,), {"handle": answer}), "{}").raw) == {
        "item": "a",
        "count": 1,
    }


@given(
    number=st.integers(-(2**63), 2**63 - 1),
    lines=st.lists(
        st.fixed_dictionaries({"item": st.text(), "count": st.integers(-(2**63), 2**63 - 1)})
    ),
    tags=st.none() | st.lists(st.text()),
)
def test_round_trip(number: int, lines: Any, tags: Any) -> None:
    data = {
        "number": number,
        "customer": None,
        "lines": lines,
        "paid": True,
        "tags": tags,
        "extra": None,
    }
    order = Order.from_dict(data)
    assert order.to_dict() == data
    assert order.clone().to_dict() == data
    assert json.loads(order.to_json()) == data


def test_a_forgotten_decorator_and_what_is_called_after() -> None:
    class Loose(Model):
        a: intnone
        seen = False

        def after_created(self, ctx: Any = None) -> None:
            self.seen = True

    made = Loose.from_dict({})
    assert (made.a, made.seen) == (None, True)
    with pytest.raises(Invalid, match="a: Expected"):
        Loose.from_dict({"a": "x"})
    with pytest.raises(Invalid, match="expected an object"):
        Loose.from_dict([])


def test_plain() -> None:
    value = {
        "at": datetime.datetime(2013, 9, 3),
        "d": decimal.Decimal("1.20"),
        "s": {1},
        "b": b"x",
        "m": Line.from_dict({"item": "a"}),
    }
    assert models.plain(value) == {
        "at": "2013-09-03T00:00:00",
        "d": "1.20",
        "s": [1],
        "b": "x",
        "m": {"item": "a", "count": 1},
    }


# -- descriptions ----------------------------------------------------------------------------------


class Rates(Service):
    """Rates of a day."""

    name = "bank.get-rates"

    class SimpleIO:
        response_elem = "rates"
        input_required = ("day", "bank_id", "is_final")
        input_optional = ("note", Int("limit"))
        output_required = ("provider", List("values"))
        output_optional = ("is_open", CSV("words"))

    def handle(self) -> None:
        self.response.payload = {
            "provider": "x",
            "values": ["1", "2"],
            "is_open": True,
            "words": ["a"],
        }


def described(model: Any) -> dict[str, tuple[Any, bool]]:
    return {field.name: (field.type, field.required) for field in fields(model)}


def test_io_models() -> None:
    request, response, elem = Rates.io_models()
    assert elem == "rates"
    assert described(request) == {
        "day": (str, True),
        "bank_id": (int, True),
        "is_final": (bool, True),
        "note": (str | None, False),
        "limit": (int | None, False),
    }
    outer = described(response)
    assert list(outer) == ["zato_env", "item", "item_list"]
    item = outer["item"][0].__args__[0]
    assert described(item) == {
        "provider": (str, True),
        "values": (list[str], True),
        "is_open": (bool | None, False),
        "words": (str | None, False),
    }


def test_io_models_of_other_declarations() -> None:
    assert Place.io_models() == (Order, Order, None)

    class Ask(Service):
        class SimpleIO:
            input_required = (Boolean("sure"),)

        def handle(self) -> None: ...

    request, response, _ = Ask.io_models()
    assert (described(request), response) == ({"sure": (bool, True)}, None)

    class Listing(Service):
        class SimpleIO:
            output_required = "a"
            output_repeated = True

        def handle(self) -> None: ...

    assert list(described(Listing.io_models()[1])) == ["zato_env", "item_list"]


@dataclass(init=False)
class Search(Model):
    """What is looked for."""

    tags: list_[str]
    amounts: list_[decimal.Decimal]
    name: str = ""
    rate: float = 0.0


class Find(Service):
    """Looks for nothing."""

    input = Search


def searched(params: dict[str, Any], body: Any = None) -> Any:
    found = declaration(Find)
    assert found is not None
    return reader(found)("K1", body, params)


def test_the_shape_of_a_parameter_is_that_of_its_field() -> None:
    found = searched({"tags": "a", "amounts": "1.5"})
    assert (found.tags, found.amounts) == (["a"], [decimal.Decimal("1.5")])
    assert searched({"tags": ["a", "b"]}, {"amounts": []}).tags == ["a", "b"]
    with pytest.raises(Invalid) as caught:
        searched({"tags": "a", "amounts": [], "name": ["b", "c"]})
    assert caught.value.errors == {"name": "given 2 times, and takes one value"}


def test_numbers_are_finite() -> None:
    with pytest.raises(Invalid) as caught:
        searched({}, {"tags": [], "amounts": ["1", "NaN"], "rate": "nan"})
    assert caught.value.errors == dict.fromkeys(("amounts[1]", "rate"), "Expected a finite number")
