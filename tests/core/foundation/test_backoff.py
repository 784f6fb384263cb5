"""Back-off: pauses that grow up to a limit, and begin anew after a good run."""

from __future__ import annotations

import time

import pytest
from hansa import Restarts, backoff_delay
from hypothesis import given, strategies as st


def test_it_doubles_up_to_the_longest():
    assert [backoff_delay(n, 0.5, 10.0) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 10, 10]


@given(st.integers(-5, 10**9), st.floats(0.001, 100), st.floats(0.001, 10_000))
def test_it_is_within_its_bounds_for_any_attempt(attempt: int, first: float, longest: float):
    delay = backoff_delay(attempt, first, longest)
    assert 0 < delay <= longest
    assert delay <= backoff_delay(attempt + 1, first, longest)


def test_what_keeps_ending_is_started_ever_later(monkeypatch: pytest.MonkeyPatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    restarts = Restarts(first=1.0, longest=3.0, well=60.0)
    assert restarts.due
    assert restarts.ended(None) == 0.0, "at once"
    assert restarts.due
    assert restarts.ended(now[0]) == 1.0
    assert not restarts.due
    now[0] += 1.0
    assert restarts.due
    assert restarts.ended(None) == 2.0
    assert restarts.ended(None) == 3.0
    assert restarts.ended(now[0] - 60.0) == 3.0
    assert restarts.ended(now[0] - 60.1) == 0.0, "it had run well"
    assert restarts.ended(now[0]) == 1.0
