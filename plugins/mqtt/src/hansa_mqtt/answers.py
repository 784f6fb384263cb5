"""What a broker answers to each packet, for the threads that wait for it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TypeAlias

from hansa import Unavailable
from paho.mqtt.reasoncodes import ReasonCode

Key: TypeAlias = tuple[str, int]
"""What kind of packet was sent, and its number."""


class Answers:
    """Answers by the packets that they are for; they may come before anybody waits for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Key, Future[ReasonCode | None]] = {}
        self._abandoned: set[Key] = set()
        self._why = ""

    def arrive(self, key: Key, reason: ReasonCode | None) -> None:
        """Note an answer."""
        with self._lock:
            if key in self._abandoned:
                self._abandoned.discard(key)
                return
            future = self._open.setdefault(key, Future())
        if not future.done():
            future.set_result(reason)

    def end(self, why: str) -> None:
        """Have everybody fail who waits: no answer will come."""
        with self._lock:
            self._why = self._why or why
            waiting = [future for future in self._open.values() if not future.done()]
            for future in waiting:
                future.set_exception(Unavailable(self._why))

    def wait(self, key: Key, timeout: float) -> ReasonCode | None:
        """Return the answer; raises TimeoutError, or `Unavailable` once the connection is gone."""
        with self._lock:
            if self._why and key not in self._open:
                raise Unavailable(self._why)
            future = self._open.setdefault(key, Future())
        try:
            return future.result(timeout)
        finally:
            with self._lock:
                del self._open[key]
                if not future.done():
                    self._abandoned.add(key)
