"""Conversion of single values: what SimpleIO's types accept, refuse and write."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from typing import Any

import pytest
from hansa import Secret
from hansa_zato.sio import structures, types, values
from hansa_zato.sio.naming import by_name
from hypothesis import given, strategies as st

SCALARS = st.one_of(
    st.text(), st.integers(), st.floats(), st.booleans(), st.decimals(), st.binary()
)
ANY = st.recursive(
    st.none() | SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    word=st.sampled_from(sorted(values.TRUE | values.FALSE)),
    pad=st.sampled_from(["", " ", "\t"]),
    upper=st.booleans(),
)
def test_boolean_words_in_any_case(word: str, pad: str, upper: bool) -> None:
    assert values.as_bool(pad + (word.upper() if upper else word.title()) + pad) is (
        word in values.TRUE
    )


@given(st.text().filter(lambda text: text.strip().lower() not in values.TRUE | values.FALSE))
def test_other_words_are_no_booleans(text: str) -> None:
    with pytest.raises(ValueError, match="expected a boolean"):
        values.as_bool(text)


@given(st.integers())
def test_whole_numbers_as_text_and_as_numbers(number: int) -> None:
    assert values.as_int(str(number)) == values.as_int(number) == number


@pytest.mark.parametrize(
    "value",
    [
        "1.5",
        "x",
        "1_000",
        "１２",
        1.5,
        math.inf,
        math.nan,
        [1],
        {"a": 1},
        "9" * 2000,
        "0x10",
        "1e3",
        b"1",
    ],
)
def test_no_fraction_is_cut_off_and_nothing_guessed(value: Any) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        values.as_int(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_decimals_stay_exact(number: decimal.Decimal) -> None:
    read = types.Decimal("x").read(str(number))
    assert read == number
    written = types.Decimal("x").write(read)
    assert isinstance(written, str)
    assert decimal.Decimal(written) == number


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-inf", "1,5", True, [], "1.2.3", "1_0", "１２"]
)
@pytest.mark.parametrize("type", [types.Decimal, types.Float])
def test_no_number(type: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="number"):
        type("x").read(value)


@given(st.datetimes())
def test_dates_and_times_round_trip(moment: datetime.datetime) -> None:
    made = types.DateTime("x")
    assert made.read(made.write(moment)) == moment
    assert types.Date("x").read(moment.isoformat()) == moment.date()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-09-03", datetime.datetime(2013, 9, 3)),
        ("3 Sep 2013 10:00", datetime.datetime(2013, 9, 3, 10)),
        ("20130903", datetime.datetime(2013, 9, 3)),
    ],
)
def test_usual_ways_to_write_a_date(text: str, expected: datetime.datetime) -> None:
    assert types.DateTime("x").read(text) == expected


@pytest.mark.parametrize("value", ["yesterday week", [], {}, "2013-13-13"])
def test_no_date(value: Any) -> None:
    with pytest.raises(ValueError, match="expected a date"):
        types.Date("x").read(value)


def test_utc_loses_its_offset() -> None:
    assert types.UTC("x").read("2013-09-03T10:00:00+00:00") == "2013-09-03T10:00:00"
    assert (
        types.UTC("x").write(datetime.datetime(2013, 9, 3, tzinfo=datetime.UTC))
        == "2013-09-03T00:00:00"
    )


@given(
    st.lists(st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"])), min_size=1)
)
def test_csv_round_trip(items: list[str]) -> None:
    made = structures.CSV("x")
    assert made.read(made.write(items)) == items
    assert made.read(items) == items


def test_a_list_from_a_parameter_given_once() -> None:
    assert structures.List("x").read("a") == ["a"]
    assert structures.List("x").read(("a", "b")) == ["a", "b"]
    with pytest.raises(ValueError, match="expected a list"):
        structures.List("x").read({"a": 1})


def test_dict_hands_over_only_its_keys() -> None:
    assert structures.Dict("x").read({"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert structures.Dict("x", "a").read({"a": 1, "b": 2}) == {"a": 1}
    with pytest.raises(ValueError, match="missing in it: c"):
        structures.Dict("x", "a", "c").read({"a": 1})
    assert structures.Dict("x", "a", "c", default="").read({"a": 1}) == {"a": 1, "c": ""}
    with pytest.raises(ValueError, match="expected a dictionary"):
        structures.Dict("x").read("text")


def test_list_of_dicts() -> None:
    assert structures.ListOfDicts("x").read([{"a": 1}, {}]) == [{"a": 1}, {}]
    assert structures.ListOfDicts("x").read({"a": 1}) == [{"a": 1}]
    for value in ("text", [1], 5):
        with pytest.raises(ValueError, match="expected a list of dictionaries"):
            structures.ListOfDicts("x").read(value)


@given(st.uuids())
def test_uuid(value: uuid.UUID) -> None:
    assert types.UUID("x").read(types.UUID("x").write(value)) == value
    with pytest.raises(ValueError, match="expected a UUID"):
        types.UUID("x").read("x" + str(value))


def test_secrets_are_not_shown() -> None:
    read = by_name("password", "2.0").read("hush")
    assert isinstance(read, Secret)
    assert "hush" not in repr(read)
    written = by_name("password", "2.0").write(read)
    assert (written, type(written)) == ("hush", str)


ALL = [
    types.AsIs,
    types.Boolean,
    structures.CSV,
    types.Date,
    types.DateTime,
    types.Decimal,
    structures.Dict,
    types.Float,
    types.Integer,
    structures.List,
    structures.ListOfDicts,
    structures.Opaque,
    types.Text,
    types.UTC,
    types.UUID,
    types.Loose,
    types.Natural,
    types.BooleanInteger,
    types.Hidden,
]


def refusal(type: Any, value: Any) -> str:
    """Why a type does not read a value; empty if it does."""
    try:
        type("x").read(value)
    except ValueError as error:  # UnicodeDecodeError is one
        return str(error)
    return ""


@given(value=ANY)
def test_whatever_comes_in_is_read_or_refused_with_a_short_reason(value: Any) -> None:
    # one value for all types: to make values takes far longer than to read them
    for type in ALL:
        assert value is None or value == "" or len(refusal(type, value)) < 200, type


@pytest.mark.parametrize(
    ("name", "profile", "value", "expected"),
    [
        ("id", "2.0", "7", 7),
        ("customer_id", "2.0", "7", 7),
        ("pool_size", "2.0", "7", 7),
        ("ping_timeout", "2.0", "7", 7),
        ("retry_count", "2.0", "7", 7),
        ("identity", "2.0", "7", "7"),
        ("is_active", "2.0", "yes", True),
        ("needs_it", "2.0", "off", False),
        ("should_not", "2.0", "T", True),
        ("is_valid_id", "2.0", "true", 1),
        ("island", "2.0", "true", "true"),
        ("has_it", "2.0", "true", "true"),
        ("has_it", "3.x", "true", True),
        ("by_mail", "3.x", "n", False),
        ("may_fail", "3.x", 1, True),
        ("pool_size_max", "2.0", "7", "7"),
        ("pool_size_max", "3.x", "7", 7),
        ("year", "2.0", 2013, 2013),
        ("year", "3.x", 2013, "2013"),
        ("year", "3.x", ["a"], ["a"]),
    ],
)
def test_types_by_name(name: str, profile: Any, value: Any, expected: Any) -> None:
    found = by_name(name, profile).read(value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("name", [5, "", "-", None])
def test_a_type_needs_a_name(name: Any) -> None:
    with pytest.raises(TypeError, match="name"):
        types.Integer(name)
