"""What a worker looks at again and again in a thread of its own: whether a limit is kept."""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("hansa.watch")

PAUSE = 1.0
"""Seconds until the next look after one that failed."""


class LimitWatch:
    """Base of what watches a limit; 0 is no limit, and then it does not look.

    A look that fails is logged, and others follow.
    """

    def __init__(self, name: str, limit: float) -> None:
        self._limit = limit
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self._limit > 0:
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def first_look(self) -> float:
        """Look for the first time; returns the seconds until the next look."""
        return self.look()

    def look(self) -> float:
        """Look whether the limit is kept; returns the seconds until the next look."""
        raise NotImplementedError

    def _watch(self) -> None:
        look = self.first_look
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                pause = look()
            except Exception:
                log.exception("%s cannot be watched at the moment", self._thread.name)
                pause = PAUSE
            look = self.look
