"""Deadlines of calls: how long in all what is done inside, in one thread, may take.

Time-outs of libraries count anew with each byte, so a server that sends one byte at a time is never
too late for them. Here each wait on the network gets what is left of the call's time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_call = threading.local()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Limit the calls made inside, in this thread, to this many seconds in all."""
    before = getattr(_call, "until", None)
    _call.until = time.monotonic() + seconds
    try:
        yield
    finally:
        _call.until = before


def left(at_most: float | None = None) -> float | None:
    """Return the seconds that are left, 0.0 when none are, at most `at_most`; None without any
    limit.
    """
    until = getattr(_call, "until", None)
    if until is None:
        return at_most
    rest: float = max(0.0, until - time.monotonic())
    return rest if at_most is None else min(rest, at_most)
