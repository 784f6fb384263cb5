"""Strict JSON: what is read, and what is refused and how."""

from __future__ import annotations

import contextlib
import json

import pytest
from hansa import Invalid
from hansa_admin.reading import DEEPEST, read_json, read_object
from hypothesis import given, strategies as st

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_json_is_read_as_it_is(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=40))
def test_anything_else_is_invalid_and_nothing_worse(raw: bytes) -> None:
    try:
        expected = json.loads(raw)
    except ValueError:
        with pytest.raises(Invalid, match="not valid JSON"):
            read_json(raw)
    else:
        with contextlib.suppress(
            Invalid
        ):  # what the standard library lets pass, such as NaN, may still be refused
            assert read_json(raw) == expected


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b'{"a": 1, "a": 2}', "given twice"),
        (b'{"x": {"b": 1, "b": 1}}', "given twice"),
        (b"NaN", "not valid JSON"),
        (b'{"a": Infinity}', "not valid JSON"),
        (b'"\\ud800"', "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "levels deep"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "levels deep"),
    ],
)
def test_what_others_let_pass_is_refused(raw: bytes, fault: str) -> None:
    with pytest.raises(Invalid, match=fault):
        read_json(raw)


def test_depth_up_to_the_limit_is_fine() -> None:
    assert read_json(b"[" * DEEPEST + b"]" * DEEPEST)


def test_long_integers_keep_their_digits() -> None:
    assert read_object(b'{"n": 123456789012345678901234567890}') == {
        "n": 123456789012345678901234567890
    }


def test_nothing_is_an_empty_object_and_other_values_are_none() -> None:
    assert read_object(b"") == read_object(b" \n") == {}
    with pytest.raises(Invalid, match="expected one JSON object, got list"):
        read_object(b"[]")
