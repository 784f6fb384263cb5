"""Whether a document may have a name that is too long."""

from __future__ import annotations

import re

import pytest
from hansa_xml.limits import _may_have_long_word
from hypothesis import given, strategies as st


@given(st.lists(st.sampled_from([b"<", b">", b" ", b"a", b"aaa", b"</a"])), st.integers(0, 12))
def test_a_long_word_is_found_wherever_it_is(parts: list[bytes], limit: int):
    raw = b"".join(parts)
    words = re.split(rb"[<>\s]", raw)
    assert _may_have_long_word(raw, limit) == any(len(word) > limit for word in words)


@pytest.mark.parametrize("before", range(5))
def test_a_word_between_tags_is_found(before: int):
    raw = b"<" * before + b"<" + b"a" * 9 + b"<"
    assert _may_have_long_word(raw, 8)
    assert not _may_have_long_word(raw, 9)
