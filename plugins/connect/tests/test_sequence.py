"""Numbers and gaps: what is missing is counted exactly, whatever the order, once the first message
of a stream is there.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hansa_connect.sequence import REMEMBERED, Gaps, Numbers
from hypothesis import given, strategies as st


@given(st.lists(st.booleans(), min_size=1, max_size=50), st.randoms())
def test_what_is_missing_is_counted(arrives: list[bool], shuffled) -> None:
    numbers, gaps = Numbers(), Gaps()
    sent = [numbers.next() for _ in arrives]
    came = [number for number, there in zip(sent[1:], arrives[1:], strict=True) if there]
    shuffled.shuffle(came)
    last = max((sent.index(number) for number in came), default=0)
    for number in [sent[0], *came]:
        gaps.take(number)
    assert gaps.missing == last - len(came)


def test_streams_and_senders_are_told_apart():
    one, two, gaps = Numbers(), Numbers(), Gaps()
    for numbers in (one, two):
        for stream in (b"a", b"b"):
            gaps.take(numbers.next(stream), stream)
    assert gaps.missing == 0
    one.next(b"a")
    gaps.take(one.next(b"a"), b"a")
    assert gaps.missing == 1


def test_a_number_that_was_not_sent_is_given_to_the_next():
    numbers, gaps = Numbers(), Gaps()
    gaps.take(numbers.next(b"a"), b"a")
    numbers.next(b"a")
    numbers.withdraw(b"a")
    gaps.take(numbers.next(b"a"), b"a")
    assert gaps.missing == 0


def test_many_threads_number_without_repeating():
    numbers = Numbers()
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.extend(numbers.next() for _ in range(500)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 4000


def test_garbage_is_refused_and_memory_is_bounded():
    gaps = Gaps()
    with pytest.raises(ValueError, match="16 bytes"):
        gaps.take(b"x")
    numbers = Numbers()
    for index in range(REMEMBERED + 5):
        gaps.take(numbers.next(b"%d" % index), b"%d" % index)
    assert len(gaps._last) == REMEMBERED and gaps.missing == 0
