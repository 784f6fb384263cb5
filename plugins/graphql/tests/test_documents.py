"""Documents are remembered by their text, the last ones, and never more than there is room for."""

from __future__ import annotations

from graphql import parse
from hansa_graphql.documents import LONGEST, Documents
from hypothesis import given, strategies as st

DOCUMENT = parse("{ a }")


def test_a_document_is_found_by_its_text():
    documents = Documents()
    assert documents.find("{ a }") is None
    documents.keep("{ a }", DOCUMENT)
    assert documents.find("{ a }") is DOCUMENT
    assert documents.find("{ a  }") is None


def test_those_that_were_not_used_for_long_are_forgotten():
    documents = Documents(most=10)
    documents.keep("first", DOCUMENT)
    documents.keep("other", DOCUMENT)
    assert documents.find("first")
    documents.keep("third", DOCUMENT)
    assert documents.find("first") and documents.find("third")
    assert documents.find("other") is None


def test_a_text_that_is_too_long_is_not_remembered():
    documents = Documents()
    documents.keep("x" * (LONGEST + 1), DOCUMENT)
    assert documents.find("x" * (LONGEST + 1)) is None


@given(texts=st.lists(st.text("ab", min_size=1, max_size=12), max_size=40))
def test_there_are_never_more_than_there_is_room_for(texts):
    documents = Documents(most=20)
    for text in texts:
        documents.keep(text, DOCUMENT)
        assert documents.find(text) is DOCUMENT
        assert sum(map(len, documents._documents)) == documents._size <= 20
