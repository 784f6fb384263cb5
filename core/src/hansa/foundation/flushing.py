"""What requests leave in memory is kept once in a while by a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

EVERY = 1.0
"""Seconds between two flushes: what is lost when a process is killed."""


class PeriodicFlush:
    """A thread that calls `flush` once in `every` seconds.

    What `flush` raises goes to `log` as a warning, `failing` and the error, once until it succeeds
    again: what it could not keep, it is to keep the next time. `then` is called after each time, and
    raises nothing.
    """

    def __init__(
        self,
        flush: Callable[[], object],
        *,
        name: str,
        log: logging.Logger,
        failing: str,
        then: Callable[[], object] | None = None,
        every: float = EVERY,
    ) -> None:
        self._flush = flush
        self._log = log
        self._failing = failing
        self._then = then
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.is_failing = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, grace: float) -> bool:
        """End, and flush once more; returns whether that succeeded. It waits at most `grace` seconds
        for a flush that is going on.
        """
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(grace)
        return not self._thread.is_alive() and self.attempt()

    def attempt(self) -> bool:
        """Flush at once; returns whether it succeeded."""
        try:
            self._flush()
        except Exception as error:
            if not self.is_failing:
                self._log.warning("%s: %s", self._failing, error)
            self.is_failing = True
            return False
        self.is_failing = False
        return True

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            self.attempt()
            if self._then is not None:
                self._then()
