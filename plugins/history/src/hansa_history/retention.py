"""The retention of changes and sources: what is too old is removed once in the cluster, bit by bit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

from hansa import Server

from .early import HistorySection

log = logging.getLogger("hansa.history")

DAY = 86_400.0
FIRST = 60.0
"""Seconds after the start of a worker until it looks for old changes for the first time."""
EVERY = 3600.0
"""Seconds between two looks for old changes."""
PORTION = 500
"""Lines, or versions, that one transaction removes: others who write wait for milliseconds."""
PAUSE = 0.1
"""Seconds between two portions."""
LEASE = "history:retention"
LEASE_TIME = 60.0
"""Seconds for which the lease is taken, anew before each portion."""
JOIN = 5.0


class Retention:
    """Removes changes that are older than some days, and then the sources that no change names any
    more, in the worker that has the lease; 0 days keep all.
    """

    def __init__(
        self,
        server: Server,
        section: HistorySection,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._server = server
        self._section = section
        self._clock = clock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hansa-history", daemon=True)

    def start(self) -> None:
        """Begin to look for what is old, unless all is kept."""
        if self._section.retention_days:
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
                log.warning("old changes and sources are kept, and removed later: %s", error)

    def prune(self) -> tuple[int, int]:
        """Remove what is too old, unless another worker does so; returns the number of lines of the
        change log and that of versions of sources.
        """
        days = self._section.retention_days
        log_of_cluster = self._server.change_log
        lines = self._remove(log_of_cluster.prune(self._clock() - days * DAY, portion=PORTION))
        # by what is left of the change log now
        kept = self._section.source_versions
        versions = self._remove(self._server.packages.prune(kept, portion=PORTION))
        if lines or versions:
            removed = "%d changes older than %g days, and %d sources that none names, were removed"
            log.info(removed, lines, days, versions)
        return lines, versions

    def _remove(self, portions: Iterator[int]) -> int:
        """Remove portion by portion while this worker has the lease; returns how many in all."""
        removed = 0
        bus = self._server.bus
        holder = self._server.id
        while not self._stopped.is_set() and bus.acquire(LEASE, holder, LEASE_TIME) is not None:
            number = next(portions, 0)
            removed += number
            if not number or self._stopped.wait(PAUSE):
                bus.release(LEASE, holder)
                break
        return removed
