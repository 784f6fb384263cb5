"""The declared output: everything that can be assigned to a payload, converted and complete."""

from __future__ import annotations

import datetime
import decimal
from collections import namedtuple
from typing import Any

import pytest
from hansa_zato.bunch import Bunch
from hansa_zato.sio.declaration import declaration
from hansa_zato.sio.payload import Payload
from hansa_zato.sio.writing import names, writer
from hypothesis import given, strategies as st
from sqlalchemy import Column, Integer, String, create_engine, select, text
from sqlalchemy.orm import Session, declarative_base
from zato.server.service import (
    CSV,
    UTC,
    AsIs,
    Boolean,
    Date,
    Decimal,
    Dict,
    Int,
    List,
    ListOfDicts,
    Service,
)

TEXT = st.text(min_size=1)


def setup(profile: str = "auto", **attributes: Any) -> tuple[Any, Payload]:
    found = declaration(
        type(
            "Some", (Service,), {"SimpleIO": type("S", (), attributes), "handle": lambda self: None}
        ),
        profile,
    )
    assert found is not None
    return writer(found), Payload(names(found.outputs))


def written(value: Any, **options: Any) -> Any:
    write, payload = setup(**options)
    payload.assign(value)
    return write(payload)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), TEXT))
def test_exactly_the_declared_names_in_their_order(data: dict[str, str]) -> None:
    found = written(data, output_optional=("c", "a", "b"))
    assert list(found) == ["c", "a", "b"]
    assert found == {name: data.get(name, "") for name in "abc"}


@given(st.dictionaries(st.sampled_from(["a", "b"]), TEXT))
def test_attributes_and_items_are_the_same(data: dict[str, str]) -> None:
    options: Any = {"output_optional": ("a", "b")}
    (write, one), (_, other) = setup(**options), setup(**options)
    for name, value in data.items():
        setattr(one, name, value)
        other[name] = value
        assert getattr(one, name) == other[name] == value
    assert write(one) == write(other) == written(data, **options)


Row = namedtuple("Row", "a count")
Base: Any = declarative_base()


class Person(Base):
    """A row of an ORM."""

    __tablename__ = "person"
    id = Column(Integer, primary_key=True)
    a = Column(String)


class Thing:
    """Any object."""

    a = "1"
    secret = "not declared"


@pytest.mark.parametrize(
    "value", [{"a": "1"}, Bunch(a="1", x=2), Thing(), Row("1", 2), Person(id=5, a="1")]
)
def test_whatever_has_the_names(value: Any) -> None:
    assert written(value, output_required="a") == {"a": "1"}


def test_rows_of_queries() -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Person(id=1, a="x"), Person(id=2, a="y")])
        session.commit()
        options: Any = {"output_required": ("id", "a")}
        expected = [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}]
        assert written(session.query(Person).order_by(Person.id), **options) == expected
        assert written(session.scalars(select(Person)).all(), **options) == expected
        assert written(session.execute(text("select id, a from person")), **options) == expected
        row = session.execute(text("select 3 as count, 'z' as a")).one()
        assert written(row, output_required=("count", "a")) == {"count": 3, "a": "z"}


def test_lists_by_slice_append_and_assignment() -> None:
    rows = [{"a": "1"}, Row("2", 0), Thing()]
    expected = [{"a": "1"}, {"a": "2"}, {"a": "1"}]
    write, payload = setup(output_required="a")
    payload[:] = rows
    assert write(payload) == expected
    write, payload = setup(output_required="a")
    for row in rows:
        payload.append(row)
    assert (write(payload), len(payload)) == (expected, 3)
    assert written(rows, output_required="a") == expected
    assert written((row for row in rows), output_required="a") == expected
    assert written([], output_required="a") == []


def test_output_repeated() -> None:
    assert written({"a": "1"}, output_required="a", output_repeated=True) == [{"a": "1"}]
    write, payload = setup(output_required="a", output_repeated=True)
    assert write(payload) == []


def test_converted_by_name_and_by_type() -> None:
    outputs = (
        "user_id",
        "is_it",
        Int("n"),
        Decimal("d"),
        Date("day"),
        UTC("at"),
        CSV("words"),
        List("items"),
        Dict("map"),
        ListOfDicts("rows"),
        AsIs("raw"),
        Boolean("flag"),
    )
    value = {
        "user_id": "7",
        "is_it": "no",
        "n": "3",
        "d": decimal.Decimal("1.20"),
        "day": datetime.date(2013, 9, 3),
        "at": "2013-09-03T00:00:00+00:00",
        "words": ["a", "b"],
        "items": (1, b"x"),
        "map": {"k": 1},
        "rows": [{"k": 1}],
        "raw": b"bytes",
        "flag": "t",
    }
    assert written(value, output_required=outputs) == {
        "user_id": 7,
        "is_it": False,
        "n": 3,
        "d": "1.20",
        "day": "2013-09-03",
        "at": "2013-09-03T00:00:00",
        "words": "a,b",
        "items": [1, "x"],
        "map": {"k": 1},
        "rows": [{"k": 1}],
        "raw": "bytes",
        "flag": True,
    }


def test_what_does_not_fit_is_all_told() -> None:
    with pytest.raises(
        TypeError, match=r"user_id: expected a whole number.*a: required.*b: required"
    ):
        written({"user_id": "x", "b": ""}, output_required=("user_id", "a", "b"))


def test_nothing_is_null_and_missing_is_empty_text() -> None:
    assert written({"a": None}, output_required="a", output_optional="b") == {"a": None, "b": ""}
    assert written({"is_it": None, "user_id": ""}, output_optional=("is_it", "user_id")) == {
        "is_it": None,
        "user_id": "",
    }


def test_3_x_leaves_out_what_is_not_there_and_sorts() -> None:
    found = written(
        {"b": "2", "a": ""}, profile="3.x", output_required=("b", "a"), output_optional="c"
    )
    assert list(found.items()) == [("a", ""), ("b", "2")]
    with pytest.raises(TypeError, match="a: required"):
        written({"b": "2"}, profile="3.x", output_required=("b", "a"))


def test_skip_empty_keys() -> None:
    assert written({"a": "1"}, output_optional=("a", "b"), skip_empty_response_keys=True) == {
        "a": "1"
    }


def test_names_that_are_not_declared() -> None:
    _, payload = setup(output_optional="a")
    assert payload.a == ""
    with pytest.raises(AttributeError, match="'b'"):
        _ = payload.b
    payload.b = 1  # set it may be, as in Zato; it does not go out


def test_truth_and_length() -> None:
    _, payload = setup(output_optional="a")
    assert (bool(payload), len(payload)) == (False, 0)
    payload.a = ""
    assert (bool(payload), len(payload), "a" in payload) == (True, 1, True)
    payload[:] = [1, 2]
    payload[1:] = []
    payload.extend([3])
    assert (list(payload), payload[0]) == ([1, 3], 1)
    del payload[0]
    payload[0] = 4
    assert list(payload) == [4]
