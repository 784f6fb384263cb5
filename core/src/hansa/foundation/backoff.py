"""Back-off: the growing pauses between attempts at something that keeps failing."""

from __future__ import annotations

import time


def backoff_delay(attempt: int, first: float, longest: float) -> float:
    """Return the seconds to wait after an attempt, counted from 1: `first`, doubled each time, at
    most `longest`.
    """
    doublings = min(max(attempt, 1) - 1, 32)
    return min(first * 2.0**doublings, longest)


class Restarts:
    """Decides when to start again what ended by itself: each time later, unless it had run well for
    a while.

    `first` and `longest` bound the pause in seconds; what ran for `well` seconds begins with the
    first pause again.
    """

    def __init__(self, first: float = 0.2, longest: float = 10.0, well: float = 60.0) -> None:
        self.first = first
        self.longest = longest
        self.well = well
        self._attempt = 0
        self._due = 0.0

    def ended(self, began: float) -> float:
        """Note that it ended, having begun at this `time.monotonic()`; returns the pause in seconds
        before the next start.
        """
        now = time.monotonic()
        if now - began > self.well:
            self._attempt = 0
        self._attempt += 1
        delay = backoff_delay(self._attempt, self.first, self.longest)
        self._due = now + delay
        return delay

    @property
    def due(self) -> bool:
        """Whether the pause is over."""
        return time.monotonic() >= self._due
