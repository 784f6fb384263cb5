"""The memory of a worker: one that needs more than its limit is replaced."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from .watch import LimitWatch

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


class MemoryWatch(LimitWatch):
    """Has this worker replaced, by `replace(why)`, when it needs more than `limit` MiB; 0 is no
    limit.
    """

    def __init__(self, limit: int, replace: Callable[[str], None]) -> None:
        super().__init__("memory", limit)
        self._replace = replace

    def first_look(self) -> float:
        """Tell of a limit that no worker keeps: its successors would be replaced without end."""
        if resident_memory() <= self._limit * MIB:
            return LOOK
        log.error("a worker needs more than %s MiB from its start on", self._limit)
        return AGAIN

    def look(self) -> float:
        """Ask to be replaced if the limit is exceeded."""
        used = resident_memory() // MIB
        if used <= self._limit:
            return LOOK
        self._replace(f"it needs {used} MiB of memory, over its limit of {self._limit} MiB")
        return AGAIN
