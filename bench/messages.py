"""What the benchmarks of connectors have in common that carry messages: a service that counts, and rates.

They measure without a server of Hansa around them, in one process, with a real broker beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from hansa import Request, Response
from hansa_devkit.inbox import answer

from .measure import Figure, compare

BODY = b"x" * 200
"""A message."""
LIMIT = 120.0
"""Seconds that all messages of a run may take."""


class Taken(NamedTuple):
    """Messages in a second of time, and microseconds of CPU time of this process for one message."""

    rate: float
    cpu: float


class Counting:
    """Counts messages, by `dispatch` as a service and by `count`; `taken` waits for all of them."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._lock = threading.Lock()
        self._times: list[float] = []
        self._used = 0.0
        self._all = threading.Event()

    def count(self) -> bool:
        """Note a message, and return whether it is the last one."""
        with self._lock:
            self._times.append(time.perf_counter())
            if len(self._times) == 1:
                self._used = -time.process_time()
            if len(self._times) == self._expected:
                self._used += time.process_time()
                self._all.set()
        return self._all.is_set()

    def dispatch(self, request: Request) -> Response:
        """Handle a message."""
        self.count()
        return answer(request, "done")

    def taken(self) -> Taken:
        """Return what they took, from the first to the last."""
        if not self._all.wait(LIMIT):
            raise RuntimeError(f"{len(self._times)} of {self._expected} messages came")
        count = self._expected - 1
        return Taken(count / (self._times[-1] - self._times[0]), self._used / count * 1e6)


@contextmanager
def started(thing: Any) -> Iterator[Any]:
    """A channel or outgoing connection that runs."""
    try:
        thing.start()
        yield thing
    finally:
        thing.stop()


def taken(channel: Any, expected: int) -> Taken:
    """What a channel takes for messages that are there when it starts."""
    counting = Counting(expected)
    channel.dispatch = counting.dispatch
    with started(channel):
        return counting.taken()


def repeated(call: Callable[[], object], count: int) -> Taken:
    """What calls take, one after another."""
    used = time.process_time()
    began = time.perf_counter()
    for _ in range(count):
        call()
    took = time.perf_counter() - began
    return Taken(count / took, (time.process_time() - used) / count * 1e6)


def compared(
    what: str,
    bare: str,
    ours: Callable[[], Taken],
    theirs: Callable[[], Taken],
    *,
    bound: float | None = 0.8,
    pairs: int = 15,
    note: str = "messages/s",
) -> Iterator[Figure]:
    """The rates of both sides, of which ours is to be at least `bound` of the other, and the CPU time
    of the same runs.
    """
    used: tuple[list[float], list[float]] = ([], [])

    def rate(call: Callable[[], Taken], cpu: list[float]) -> float:
        found = call()
        cpu.append(found.cpu)
        return found.rate

    yield compare(
        f"{what} / bare {bare}",
        partial(rate, ours, used[0]),
        partial(rate, theirs, used[1]),
        pairs=pairs,
        bound=bound,
        at_least=True,
        note=note,
    )
    yield compare(
        f"{what}, CPU time / bare {bare}",
        partial(next, iter(used[0])),
        partial(next, iter(used[1])),
        pairs=pairs,
        note="µs of CPU",
    )
