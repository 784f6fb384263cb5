"""Responses of XML-RPC are read as the standard library reads them, and nothing else gets through."""

from __future__ import annotations

import xmlrpc.client

import pytest
from hansa_http.response import BadAnswer
from hansa_odoo.xmlrpc import read
from hypothesis import given, strategies as st

TEXTS = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")
)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**31), 2**31 - 1) | TEXTS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
TAGS = [
    b"<%b>" % tag
    for name in (b"methodResponse", b"params", b"param", b"value", b"array", b"data", b"struct")
    for tag in (name, b"/" + name)
]
PIECES = [
    *TAGS,
    b"<member>",
    b"<name>",
    b"<int>",
    b"</int>",
    b"<fault>",
    b"x",
    b"<nil/>",
    b"<base64>",
]


@given(VALUES)
def test_what_is_written_is_read(value):
    text = xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True)
    assert read(text.encode()) == value


@given(st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join))
def test_anything_else_is_a_bad_answer(content):
    try:
        read(content)
    except (BadAnswer, xmlrpc.client.Fault):
        pass


def test_a_fault_is_raised():
    text = xmlrpc.client.dumps(xmlrpc.client.Fault(2, "no"), methodresponse=True)
    with pytest.raises(xmlrpc.client.Fault):
        read(text.encode())
