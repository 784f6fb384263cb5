"""Messages that wait in this process for another attempt, where their source cannot delay them."""

from __future__ import annotations

import heapq
import itertools
import threading
import time

from .delivery import Delivery


class Delayed:
    """What a channel has put back, until it is due: for `put_back` and `fetch` of a `PullingChannel`.

    Its source keeps each message until it is settled, so that none is lost with this process. Safe
    in many threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, Delivery]] = []

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def put(self, delivery: Delivery, delay: float) -> None:
        """Have a message come again in `delay` seconds, as one whose attempts are counted."""
        delivery.redelivered = True
        delivery.attempt = 1
        with self._lock:
            due = time.monotonic() + delay
            heapq.heappush(self._waiting, (due, next(self._numbers), delivery))

    def due(self, limit: int) -> list[Delivery]:
        """Take out at most `limit` messages that have waited long enough."""
        found: list[Delivery] = []
        with self._lock:
            now = time.monotonic()
            while self._waiting and len(found) < limit and self._waiting[0][0] <= now:
                found.append(heapq.heappop(self._waiting)[2])
        return found

    def seconds(self, most: float) -> float:
        """Return the seconds until one is due, at most `most` and at least 0."""
        with self._lock:
            first = self._waiting[0][0] - time.monotonic() if self._waiting else most
        return max(0.0, min(first, most))

    def all(self) -> list[Delivery]:
        """Take out whatever waits."""
        with self._lock:
            found = [delivery for _, _, delivery in self._waiting]
            self._waiting.clear()
        return found
