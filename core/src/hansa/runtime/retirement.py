"""The end of objects that were replaced: each is stopped after the last request that may be using
it.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from ..contract.kinds import Channel, Definition
from .inflight import InFlight
from .threads import owners

log = logging.getLogger("hansa.objects")

SETTLE = 0.5
"""Seconds for which a request may have taken its route without being counted yet."""
DRAIN_LIMIT = 120.0
"""Seconds after which a replaced object is stopped although a request may still be using it."""
LOOK = 0.05
JOIN = 5.0


@dataclass(frozen=True)
class Retired:
    """An object out of use: the epoch that began when it was replaced, and when that was
    (`time.monotonic()`).
    """

    epoch: int
    at: float
    object: Definition


class Retirement:
    """Stops what was replaced: channels at once, anything else after its last user."""

    def __init__(self, inflight: InFlight) -> None:
        self.inflight = inflight
        self._waiting: list[Retired] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="objects", daemon=True)
        self._thread.start()

    def retire(self, old: Definition) -> None:
        """Stop an object once nobody uses it any more."""
        if isinstance(old, Channel):
            stop(old)
            return
        with self._lock:
            self.inflight.epoch += 1
            self._waiting.append(Retired(self.inflight.epoch, time.monotonic(), old))
        self._wake.set()

    def stop(self) -> None:
        """Stop everything that still waits for its last user."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(JOIN)
        for retired in self._waiting:
            stop(retired.object)

    def _run(self) -> None:
        while not self._stopped.is_set():
            # while something waits for its last user, look often
            self._wake.wait(LOOK if self._waiting else None)
            self._wake.clear()
            for retired in self._take_due():
                stop(retired.object)

    def _take_due(self) -> list[Retired]:
        """Take those off the list that have no user any more, or had one for too long."""
        oldest = self.inflight.oldest
        now = time.monotonic()
        due: list[Retired] = []
        left: list[Retired] = []
        with self._lock:
            for retired in self._waiting:
                limit = SETTLE if retired.epoch <= oldest else DRAIN_LIMIT
                (due if now - retired.at > limit else left).append(retired)
            self._waiting = left
        return due


def withdraw(old: Definition) -> None:
    """Tell an object that it serves no more; what its `withdrawn` raises is logged."""
    try:
        old.withdrawn()
    except Exception:
        log.exception("%s %s %r did not take its withdrawal", old.kind, old.type, old.name)


def stop(old: Definition) -> None:
    """Stop an object; what its `stop` raises, and threads that it leaves running, are logged."""
    try:
        old.stop()
    except BaseException:  # sys.exit() or a cancelled coroutine must not end the caller's thread
        log.exception("%s %s %r did not stop cleanly", old.kind, old.type, old.name)
    owners.report_left(old)
