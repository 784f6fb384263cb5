"""What the benchmarks of connectors have in common that carry messages: a service that counts, and rates.

They measure without a server of Hansa around them, in one process, with a real broker beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hansa import Request, Response
from hansa_devkit.inbox import answer

from .measure import Figure, compare

BODY = b"x" * 200
"""A message."""
LIMIT = 120.0
"""Seconds that all messages of a run may take."""


class Counting:
    """Counts messages, by `dispatch` as a service and by `count`; `rate` waits for all of them."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._lock = threading.Lock()
        self._times: list[float] = []
        self._all = threading.Event()

    def count(self) -> bool:
        """Note a message, and return whether it is the last one."""
        with self._lock:
            self._times.append(time.perf_counter())
            if len(self._times) == self._expected:
                self._all.set()
        return self._all.is_set()

    def dispatch(self, request: Request) -> Response:
        """Handle a message."""
        self.count()
        return answer(request, "done")

    def rate(self) -> float:
        """Return messages per second, from the first to the last."""
        if not self._all.wait(LIMIT):
            raise RuntimeError(f"{len(self._times)} of {self._expected} messages came")
        return (self._expected - 1) / (self._times[-1] - self._times[0])


@contextmanager
def started(thing: Any) -> Iterator[Any]:
    """A channel or outgoing connection that runs."""
    try:
        thing.start()
        yield thing
    finally:
        thing.stop()


def taken(channel: Any, expected: int) -> float:
    """Messages per second that a channel takes, which are there when it starts."""
    counting = Counting(expected)
    channel.dispatch = counting.dispatch
    with started(channel):
        return counting.rate()


def repeated(call: Callable[[], object], count: int) -> float:
    """Calls per second, one after another."""
    began = time.perf_counter()
    for _ in range(count):
        call()
    return count / (time.perf_counter() - began)


def compared(
    what: str,
    bare: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    bound: float = 0.8,
) -> Figure:
    """The rates of both sides, of which ours is to be at least `bound` of the other."""
    return compare(
        f"{what} / bare {bare}",
        ours,
        theirs,
        pairs=7,
        bound=bound,
        at_least=True,
        note="messages/s",
    )
