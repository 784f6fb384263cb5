"""The retention of the change log: what is too old is removed once in the cluster, bit by bit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from hansa import Bus, ChangeLog

log = logging.getLogger("hansa.history")

DAY = 86_400.0
FIRST = 60.0
"""Seconds after the start of a worker until it looks for old changes for the first time."""
EVERY = 3600.0
"""Seconds between two looks for old changes."""
PORTION = 500
"""Lines that one transaction removes: others who write wait for milliseconds."""
PAUSE = 0.1
"""Seconds between two portions."""
LEASE = "history:retention"
LEASE_TIME = 60.0
"""Seconds for which the lease is taken, anew before each portion."""
JOIN = 5.0


class Retention:
    """Removes changes that are older than some days, in the worker that has the lease; 0 days keep
    all.
    """

    def __init__(
        self,
        change_log: ChangeLog,
        bus: Bus,
        holder: str,
        days: float,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._change_log = change_log
        self._bus = bus
        self._holder = holder
        self._days = days
        self._clock = clock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hansa-history", daemon=True)

    def start(self) -> None:
        """Begin to look for old changes, unless all are kept."""
        if self._days:
            self._thread.start()

    def stop(self) -> None:
        """Remove no more; waits for the portion that is being removed."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(JOIN)

    def _run(self) -> None:
        pause = FIRST
        while not self._stopped.wait(pause):
            pause = EVERY
            try:
                self.prune()
            except Exception as error:
                log.warning("old changes are kept, and removed later: %s", error)

    def prune(self) -> int:
        """Remove what is too old, unless another worker does so; returns the number of lines."""
        removed = 0
        before = self._clock() - self._days * DAY
        portions = self._change_log.prune(before, portion=PORTION)
        while self._bus.acquire(LEASE, self._holder, LEASE_TIME) is not None:
            number = next(portions, 0)
            removed += number
            if not number or self._stopped.wait(PAUSE):
                self._bus.release(LEASE, self._holder)
                break
        if removed:
            log.info("%d changes older than %g days were removed", removed, self._days)
        return removed
