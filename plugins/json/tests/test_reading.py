"""Reading JSON: the depth of a text, and the strict reader that refuses a key given twice."""

from __future__ import annotations

import json
from dataclasses import field
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hansa import Invalid, Model, load
from hansa_json.depth import DEPTH, depth
from hansa_json.reading import decode_strict, reader
from hypothesis import given, strategies as st

texts = st.text(st.sampled_from('ab\\"[]{}é\n'))
values = st.recursive(
    st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=40,
)


def deepest(value):
    if isinstance(value, dict):
        return 1 + max(map(deepest, value.values()), default=0)
    return 1 + max(map(deepest, value), default=0) if isinstance(value, list) else 0


@given(values, st.booleans())
def test_depth_is_that_of_the_decoded_value(value, ascii):
    assert depth(json.dumps(value, ensure_ascii=ascii).encode()) == deepest(value)


@given(values)
def test_strict_reading_gives_the_same_data(value):
    assert decode_strict(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b'{"a": 1, "a": 1}', "a"),
        (b'[{"x": {"b": 1, "c": 2, "b": 3}}]', "b"),
        (b'{"\\u0061": 1, "a": 2}', "a"),
        (b'{"": 1, "": 2}', ""),
    ],
)
def test_a_key_given_twice_is_refused_by_name(raw, key):
    with pytest.raises(Invalid) as caught:
        decode_strict(raw)
    assert caught.value.errors == {key: "given twice"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b'"\\ud800"',
        b'{"a":"\xff"}',
        b"[" * (DEPTH + 1),
        b'{"a":' * 50_000,
    ],
)
def test_strict_reading_refuses_what_is_malformed(raw):
    with pytest.raises(Invalid):
        decode_strict(raw)


def test_digits_are_kept():
    assert decode_strict(b'{"a": 18446744073709551615, "b": 0.1}') == {"a": 2**64 - 1, "b": 0.1}


class Flat(Model):
    name: str
    sizes: dict[str, list[int | None]] = field(default_factory=dict)


class Tree(Model):
    name: str
    inner: list[Tree] = field(default_factory=list)


class Open(Model):
    name: str
    more: Any = None


@pytest.mark.parametrize(
    ("model", "raw", "fine"),
    [
        (Tree, b'{"name":"a","inner":[' * 40 + b"]}" * 40, True),
        (Tree, b'{"name":"a","inner":[' * 51 + b"]}" * 51, False),
        (Open, b'{"name":"a","more":' + b"[" * 99 + b"]" * 99 + b"}", True),
        (Open, b'{"name":"a","more":' + b"[" * 100 + b"]" * 100 + b"}", False),
        (Flat, b'{"name":"a","other":' + b"[" * 300 + b"]" * 300 + b"}", True),
        (Flat, b'{"name":"a","other":' + b"[" * 100_000 + b"]" * 100_000 + b"}", False),
        (Annotated[Flat, "x"], b'{"name":"a"}', True),
        (list[Annotated[int, "x"]], b"[1]", True),
    ],
)
def test_depth_is_limited_wherever_a_type_leaves_it_open(model, raw, fine):
    if fine:
        reader(model)(raw)
    else:
        with pytest.raises(Invalid, match="deeply"):
            reader(model)(raw)


class Counted(Model):
    count: int | None = None
    counts: list[int] = []
    by_number: dict[int, int] = {}
    amount: Decimal = Decimal(0)
    ratio: float = 0.0
    anything: Any = None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"count": 1.0}', Counted(count=1)),
        (b'{"count": -0.0, "counts": [1e2, 2.50E1, 3]}', Counted(count=0, counts=[100, 25, 3])),
        (b'{"count": 1e2, "by_number": {"7": 8.0}}', Counted(count=100, by_number={7: 8})),
        (
            b'{"count": 1.0, "amount": 9007199254740993.250, "ratio": 2.5, "anything": [1.0, 1.5]}',
            Counted(
                count=1, amount=Decimal("9007199254740993.250"), ratio=2.5, anything=[1.0, 1.5]
            ),
        ),
    ],
)
def test_numbers_without_a_fraction_are_integers(raw: bytes, expected: Counted):
    found = reader(Counted)(raw)
    assert found == expected
    assert str(found.amount) == str(expected.amount)
    assert load(Counted, {"count": 3.0, "counts": [4.0]}) == Counted(count=3, counts=[4])


@pytest.mark.parametrize("number", [b"1.5", b"1e400", b"1e999999999", b"1e-1", b"true", b'"1.0"'])
def test_other_numbers_are_no_integers(number: bytes):
    with pytest.raises(Invalid) as caught:
        reader(Counted)(b'{"count": ' + number + b', "counts": [1.0, "x"]}')
    assert "counts[1]" in caught.value.errors or "out of range" in caught.value.detail


def test_a_byte_order_mark_is_taken_off():
    """RFC 8259, section 8.1."""
    text = b'\xef\xbb\xbf{"a": 1}'
    assert reader(None)(text) == decode_strict(text) == {"a": 1}
    assert reader(dict[str, int])(text) == {"a": 1}
    with pytest.raises(Invalid):
        reader(None)(b"\xef\xbb\xbf" + text)


@pytest.mark.parametrize("field", ["ratio", "anything"])
def test_numbers_beyond_a_float_are_refused_beside_integers_with_a_point(field: str):
    for raw in (b'{"count": 1.0, "%s": 1e999}', b'{"count": "x", "%s": -1e999}'):
        with pytest.raises(Invalid):
            reader(Counted)(raw % field.encode())


class Amounts(Model):
    amount: Decimal = Decimal(0)
    by_name: dict[str, list[Decimal]] = {}
    chosen: set[Decimal] = field(default_factory=set)
    text: str = ""


@pytest.mark.parametrize("text", ["NaN", "sNaN", "-NaN123", "Infinity", "-inf", "\\u004eaN"])
def test_a_decimal_that_is_no_number_is_refused_by_its_place(text):
    place = "Expected a finite number"
    read = reader(Amounts)
    for raw, path in (
        (f'{{"amount": "{text}"}}', "amount"),
        (f'{{"by_name": {{"a": ["1", "{text}"]}}}}', "by_name.a[1]"),
    ):
        with pytest.raises(Invalid) as caught:
            read(raw.encode())
        assert caught.value.errors == {path: place}
    with pytest.raises(Invalid):
        read(f'{{"chosen": ["{text}"]}}'.encode())
    assert read(b'{"text": "NaN", "amount": "1e999"}') == Amounts(
        text="NaN", amount=Decimal("1e999")
    )


@pytest.mark.parametrize(
    "text", ["1_0", "１２", "\\uff11", "1\\u005f0", " -1_0", "1e1_0", " 1", "  1", "1 ", "\\t1"]
)
def test_a_text_that_only_python_takes_for_a_decimal_is_refused(text: str) -> None:
    class Priced(Model):
        my_amount: Decimal
        a_name: str = ""
        by_number: dict[int, Decimal] = {}

    read = reader(Priced)
    with pytest.raises(Invalid) as caught:
        read(f'{{"my_amount": "{text}"}}'.encode())
    assert caught.value.errors == {"my_amount": "Invalid decimal string"}
    fits = f'{{"my_amount": "-1.0e1", "a_name": "{text}", "by_number": {{"1": "1"}}}}'
    assert read(fits.encode()).my_amount == -10
    with pytest.raises(Invalid, match="exponent"):
        read(b'{"my_amount": 1e999999999}')
