"""Waits for reports that a library gives only to who asks for them, while several threads wait.

One of them asks for all: having a thread of its own ask would cost as much as the rest of a message.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Protocol


class Awaited(Protocol):
    """What a thread waits for: a report completes it, and then calls `wake`.

    `wake` alone is called when it is the turn of the thread to ask.
    """

    @property
    def complete(self) -> bool:
        """Whether all reports have come."""

    def wake(self) -> None:
        """Have `sleep` return, also one that begins later."""

    def sleep(self, seconds: float) -> None:
        """Wait for `wake`."""


class Waking:
    """Wakes one thread: a condition or an event would cost several times as much."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: SimpleQueue[None] = SimpleQueue()

    def wake(self) -> None:
        """Have `sleep` return, also one that begins later."""
        self._calls.put(None)

    def sleep(self, seconds: float) -> None:
        """Wait for `wake`."""
        try:
            self._calls.get(timeout=seconds)
        except Empty:
            return


class Waits:
    """The threads that wait. `ask` delivers the reports that come within so many seconds.

    It is called in one thread at a time, for at most `longest` seconds.
    """

    def __init__(self, ask: Callable[[float], object], longest: float) -> None:
        self._ask = ask
        self._longest = longest
        self._guard = threading.Lock()
        self._asking = threading.Lock()
        self._waiting: dict[int, Awaited] = {}
        self._ended = False

    def wait(self, awaited: Awaited, deadline: float) -> bool:
        """Return whether it is complete by the deadline, by `time.monotonic()`."""
        if self._begin_asking():
            self._ask_for(awaited, deadline)
        if awaited.complete:
            return True
        with self._guard:
            self._waiting[id(awaited)] = awaited
        try:
            return self._wait(awaited, deadline)
        finally:
            with self._guard:
                del self._waiting[id(awaited)]
            self._pass_turn()

    def ask_once(self, seconds: float) -> bool:
        """Ask without waiting for anything; returns False at once if somebody asks already."""
        if not self._begin_asking():
            return False
        try:
            self._ask(seconds)
        finally:
            self._asking.release()
            self._pass_turn()
        return True

    def end(self) -> None:
        """Have nobody ask any more; whoever waits goes on to wait."""
        self._ended = True

    def join(self, timeout: float) -> None:
        """Wait until nobody asks, after `end`."""
        if self._asking.acquire(timeout=timeout):
            self._asking.release()

    def _wait(self, awaited: Awaited, deadline: float) -> bool:
        while not awaited.complete:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._begin_asking():
                self._ask_for(awaited, deadline)
            else:
                awaited.sleep(left)
        return True

    def _begin_asking(self) -> bool:
        return not self._ended and self._asking.acquire(blocking=False)

    def _ask_for(self, awaited: Awaited, deadline: float) -> None:
        try:
            left = deadline - time.monotonic()
            while left > 0 and not awaited.complete and not self._ended:
                self._ask(min(left, self._longest))
                left = deadline - time.monotonic()
        finally:
            self._asking.release()
            self._pass_turn()

    def _pass_turn(self) -> None:
        """Wake one that waits, unless somebody asks; called by who has asked, and by who leaves."""
        if not self._waiting:
            return
        with self._guard:
            if self._waiting and not self._asking.locked():
                next(iter(self._waiting.values())).wake()
