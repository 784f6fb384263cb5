"""What is read of an object has a limit, whatever its store says."""

from __future__ import annotations

import itertools

import pytest
from hansa import TooLarge
from hansa_connect.objects import joined


def test_blocks_are_one_up_to_the_limit():
    assert joined(iter([b"ab", b"", b"c"]), 3) == b"abc"
    assert joined([], 0) == b""


def test_no_more_is_read_than_shows_that_it_is_too_large():
    blocks = itertools.repeat(b"ab")
    with pytest.raises(TooLarge, match="more than 3 bytes, which max_body allows"):
        joined(blocks, 3)
