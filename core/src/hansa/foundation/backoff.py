"""Back-off: the growing pauses between attempts at something that keeps failing."""

from __future__ import annotations

import time


def backoff_delay(attempt: int, first: float, longest: float) -> float:
    """Return the seconds to wait after an attempt, counted from 1: `first`, doubled each time, at
    most `longest`.
    """
    doublings = min(max(attempt, 1) - 1, 32)
    return min(first * 2.0**doublings, longest)


WELL = 10.0
"""Seconds after which what was started is taken to have got through its start."""


class Restarts:
    """Decides when to start again what ended by itself: at once if it had run well, and ever later
    if it keeps ending in its start.

    `first` and `longest` bound the pause in seconds from the second end in a row on; what served
    for `well` seconds begins anew.
    """

    def __init__(self, first: float = 0.2, longest: float = 10.0, well: float = WELL) -> None:
        self.first = first
        self.longest = longest
        self.well = well
        self._ends = 0
        self._due = 0.0

    def ended(self, served_since: float | None) -> float:
        """Note that it ended; returns the pause in seconds before the next start.

        `served_since` is the `time.monotonic()` from which it served, None if it never did.
        """
        now = time.monotonic()
        if served_since is not None and now - served_since > self.well:
            self._ends = 0
        delay = backoff_delay(self._ends, self.first, self.longest) if self._ends else 0.0
        self._ends += 1
        self._due = now + delay
        return delay

    @property
    def due(self) -> bool:
        """Whether the pause is over."""
        return time.monotonic() >= self._due
