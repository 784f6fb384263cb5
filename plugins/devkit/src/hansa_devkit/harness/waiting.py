"""Waiting for conditions, so that no test sleeps for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
PATIENCE = 3.0
"""How many times slower than an idle machine the one that runs the tests may be."""
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.02


def wait_until(
    condition: Callable[[], Answer | None],
    seconds: float = 20.0,
    what: str | Callable[[], object] = "",
) -> Answer:
    """Return the first true answer of a condition.

    `seconds` is the limit on an idle machine; `PATIENCE` times as many may pass before an
    `AssertionError` is raised. It names `what` was waited for; if that is a function, it is called
    then, for what can only be said afterwards. The condition is asked after a millisecond at first,
    every 20 ms later on, and less often if it takes long to answer.

    A test of how long something takes measures it, and compares it with something else that it
    measured.
    """
    deadline = time.monotonic() + seconds * PATIENCE
    pause = _FIRST_PAUSE
    while True:
        asked = time.monotonic()
        answer = condition()
        if answer:
            return answer
        answered = time.monotonic()
        if answered > deadline:
            missed = what() if callable(what) else what or condition
            raise AssertionError(f"not within {seconds * PATIENCE:g} s: {missed}")
        # a request, or a look at all processes, would keep what is waited for from its work
        time.sleep(max(pause, 2 * (answered - asked)))
        pause = min(pause * 2, _LONGEST_PAUSE)
