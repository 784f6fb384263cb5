"""How calls get into the queue: those of several threads at once share one round trip to Redis."""

from __future__ import annotations

import threading
from collections import deque

from hansa import deadline, new_cid, time_left

from .store import DEADLINE, FAILURES, Store, unavailable

PATIENCE = 1.0
"""Seconds for which a call waits for the round trip of others, before it goes alone."""
MOST_TOGETHER = 64
"""Calls that share a round trip at most."""
MOST_BYTES = 1_000_000
"""Bytes after which calls do not wait for each other."""


class _Call:
    """A call that waits for a round trip."""

    __slots__ = ("accepted", "data", "error", "is_done", "turn")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.accepted = False
        self.error: BaseException | None = None
        self.is_done = False
        self.turn = threading.Event()


class Accepting:
    """Adds calls to the queue, safe in many threads.

    A thread that finds nobody sending sends at once. The others meanwhile wait, and one of them
    sends for all once the first has its answer: with Redis that writes to disk before it answers,
    they share that, too. Each returns when its call is durable.
    """

    def __init__(self, store: Store, max_queued: int) -> None:
        self._store = store
        self._max_queued = max_queued
        self._keys = [store.stream, store.delayed, store.counts]
        self._lock = threading.Lock()
        self._waiting: deque[_Call] = deque()
        self._is_sending = False

    def add(self, data: bytes, service: str) -> bool:
        """Add a call; returns whether there was room for it. Raises `Unavailable`."""
        what = f"the call of {service} was not queued"
        left = time_left()
        if left is not None and left < DEADLINE + PATIENCE:
            # what others wait for is not to end by the deadline of this thread
            return self._add_alone(data, what)
        call = _Call(data)
        with self._lock:
            sends = not self._is_sending
            self._is_sending = True
            if not sends:
                self._waiting.append(call)
        if sends:
            self._send(call)
        elif not call.turn.wait(PATIENCE) and self._withdraw(call):
            with deadline(DEADLINE - PATIENCE):
                return self._add_alone(data, what)
        else:
            # ends when the round trip that it is a part of does, which has a deadline
            call.turn.wait()
            if not call.is_done:
                self._send(call)
        if call.error is not None:
            if isinstance(call.error, FAILURES):
                raise unavailable(call.error, what) from call.error
            raise call.error
        return call.accepted

    def _add_alone(self, data: bytes, what: str) -> bool:
        try:
            return bool(self._store.put(keys=self._keys, args=[self._max_queued, data]))
        except FAILURES as error:
            raise unavailable(error, what) from error

    def _withdraw(self, call: _Call) -> bool:
        """Take back a call that nobody has begun to send; returns whether that is so."""
        with self._lock:
            if call not in self._waiting:
                return False
            self._waiting.remove(call)
            return True

    def _send(self, own: _Call) -> None:
        """Send a call together with those that wait, and let one of those that have come since send
        the next.
        """
        with self._lock:
            together = self._together(own)
        try:
            arguments: list[bytes | int] = [self._max_queued, *(call.data for call in together)]
            accepted = self._store.put(keys=self._keys, args=arguments)
            for call in together[:accepted]:
                call.accepted = True
        except BaseException as error:
            for call in together:
                call.error = error
        finally:
            self._hand_over(own, together)

    def _together(self, own: _Call) -> list[_Call]:
        found = [own]
        size = len(own.data)
        while self._waiting and len(found) < MOST_TOGETHER:
            size += len(self._waiting[0].data)
            if size > MOST_BYTES:
                break
            found.append(self._waiting.popleft())
        return found

    def _hand_over(self, own: _Call, together: list[_Call]) -> None:
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            self._is_sending = following is not None
        if following is not None:
            following.turn.set()
        for call in together:
            call.is_done = True
            if call is not own:
                call.turn.set()

    def add_later(self, calls: list[bytes], delay: float, service: str) -> bool:
        """Add calls that are due after some seconds, or none of them; returns whether there was room
        for all. Raises `Unavailable`.
        """
        milliseconds = max(1, int(delay * 1000))
        arguments: list[bytes | str | int] = [self._max_queued, milliseconds, new_cid(), *calls]
        try:
            return bool(self._store.put_later(keys=self._keys, args=arguments))
        except FAILURES as error:
            raise unavailable(error, f"the calls of {service} were not queued") from error
