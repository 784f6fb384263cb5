"""How much of a core this process uses or stands in line for, measured by who decides about threads."""

from __future__ import annotations

import os
import time

WINDOW = 0.01
"""Seconds that one measurement takes."""
BUSY = 0.7
"""Share of one core above which a process computes, and does not wait."""
_NANOSECONDS = 1e9


def run_delay() -> float:
    """Return the seconds for which threads of this process have stood in line for a processor; 0.0
    where the kernel does not tell (proc(5), `schedstat`).
    """
    total = 0
    try:
        for thread in os.listdir("/proc/self/task"):
            total += _delay_of(thread)
    except OSError:
        return 0.0
    return total / _NANOSECONDS


def _delay_of(thread: str) -> int:
    try:
        with open(f"/proc/self/task/{thread}/schedstat", "rb") as opened:
            return int(opened.read().split()[1])
    except (OSError, ValueError, IndexError):
        return 0  # it has ended meanwhile


class CoreLoad:
    """Measures, window after window, while it is asked."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None
        self._delayed: float | None = None

    def forget(self) -> None:
        """Begin anew with the next question."""
        self._began = None
        self._delayed = None

    def measure(self) -> float | None:
        """Return the share of one core that was used or stood in line for since the last answer;
        None while that is not known.

        PERF: what threads stood in line for is read only after a window in which little was used: it
        takes 10 us for each thread.
        """
        now, computed = time.monotonic(), time.process_time()
        if self._began is None:
            self._began = (now, computed)
            return None
        began, before = self._began
        passed = now - began
        if passed < WINDOW:
            return None
        self._began = (now, computed)
        used = (computed - before) / passed
        if used >= BUSY:
            self._delayed = None
            return used
        delayed_before = self._delayed
        self._delayed = run_delay()
        if delayed_before is None:
            return None
        return used + (self._delayed - delayed_before) / passed
