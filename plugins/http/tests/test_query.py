"""Query strings, read strictly; request headers, read lazily."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlencode

import pytest
from hansa import Invalid
from hansa_http.query import MOST_VALUES, Headers, parse_query
from hypothesis import given, strategies as st

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(st.dictionaries(texts, st.lists(texts, min_size=1, max_size=3), max_size=6), st.booleans())
def test_what_was_encoded_is_read_again(values, plus):
    encoded = (
        urlencode(values, doseq=True, quote_via=quote) if plus else urlencode(values, doseq=True)
    )
    expected = {name: found[0] if len(found) == 1 else found for name, found in values.items()}
    expected = {n: v for n, v in expected.items() if n or v}
    found = parse_query(encoded)
    assert found == expected or ("" in values and found == {**expected, "": found.get("")})


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_bytes_are_read_or_invalid(text):
    try:
        found = parse_query(text)
    except Invalid:
        return
    assert set(found) == set(
        parse_qs(text.encode("latin-1").decode(), keep_blank_values=True, max_num_fields=None)
    )


def test_shapes():
    assert parse_query("a=1&b=&c&a=2&&a=3") == {"a": ["1", "2", "3"], "b": "", "c": ""}
    assert parse_query("q=a+b%20c%2Bd&x=1=2") == {"q": "a b c+d", "x": "1=2"}
    assert parse_query("né=ż".encode().decode("latin-1")) == {"né": "ż"}


@pytest.mark.parametrize(
    "text", ["a=%", "a=%4", "a=%zz", "%=1", "a=%FF", "a=%C3", "a=\xff", "a=%ED%A0%80"]
)
def test_what_is_refused(text):
    with pytest.raises(Invalid):
        parse_query(text)


def test_the_number_of_values_is_limited():
    assert parse_query("&".join(["a=1"] * MOST_VALUES))
    with pytest.raises(Invalid):
        parse_query("&".join(["a=1"] * (MOST_VALUES + 1)))


def test_headers_are_a_view_in_lower_case():
    headers = Headers(
        {
            "HTTP_X_KEY": "1",
            "CONTENT_TYPE": "a/b",
            "CONTENT_LENGTH": "3",
            "PATH_INFO": "/",
            "HTTP_AUTHORIZATION": "secret",
        }
    )
    assert headers["x-key"] == headers["X-Key"] == "1"
    assert headers.get("content-type") == "a/b"
    assert headers.get("path-info") is None
    assert "x-key" in headers
    assert "nothing" not in headers
    assert set(headers) == {"x-key", "content-type", "content-length", "authorization"}
    assert len(headers) == 4
    assert "secret" not in repr(headers)
