"""The memory of a worker: one that needs more than its limit is replaced."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("hansa.memory")

LOOK = 2.0
"""Seconds between two looks."""
AGAIN = 60.0
"""Seconds after which a worker that is still over its limit asks once more: its successor may not
have started.
"""
MIB = 2**20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")


def resident_memory() -> int:
    """Return the bytes of memory that this process has resident; 0 where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


class MemoryWatch:
    """Has this worker replaced, by `replace(why)`, when it needs more than `limit` MiB; 0 is no
    limit.
    """

    def __init__(self, limit: int, replace: Callable[[str], None]) -> None:
        self._limit = limit
        self._replace = replace
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self._limit > 0:
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _watch(self) -> None:
        pause = LOOK
        if resident_memory() > self._limit * MIB:
            # else its successors would be replaced without end
            log.error("a worker needs more than %s MiB from its start on", self._limit)
            pause = AGAIN
        while not self._stopped.wait(pause):
            pause = AGAIN if self.look() else LOOK

    def look(self) -> bool:
        """Ask to be replaced if the limit is exceeded; returns whether it is."""
        used = resident_memory() // MIB
        over = used > self._limit
        if over:
            self._replace(f"it needs {used} MiB of memory, over its limit of {self._limit} MiB")
        return over
