"""Calls that take longer than they should: each is logged once, with the stack of its thread."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback

from ..contract.service import current_cid
from .inflight import Call, InFlight

log = logging.getLogger("hansa.overdue")

LOOK = 1.0
"""Seconds between two looks at the calls in hand, at most."""


class OverdueCalls:
    """Tells of the calls of one worker that have been running for longer than `limit` seconds; of
    none, if that is 0.
    """

    def __init__(self, inflight: InFlight, limit: float) -> None:
        self._inflight = inflight
        self._limit = limit
        self._told: set[Call] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="overdue calls", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self._limit > 0:
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(min(LOOK, self._limit)):
            try:
                self.look()
            except Exception:
                log.exception("calls that take too long cannot be told of")

    def look(self) -> None:
        """Log the calls that are over the limit and were not logged before.

        Of calls inside each other, only the outermost is logged.
        """
        oldest = time.monotonic() - self._limit
        overdue: dict[int, Call] = {}
        for call in sorted(self._inflight.requests.values(), key=lambda call: call.began):
            if call.began <= oldest:
                overdue.setdefault(call.thread, call)
        frames = sys._current_frames()
        for call in overdue.values():
            if call not in self._told and call.thread in frames:
                self._tell(call, "".join(traceback.format_stack(frames[call.thread])))
        self._told = set(overdue.values())

    def _tell(self, call: Call, stack: str) -> None:
        binding = call.request.channel
        service = binding.name if binding is not None else "a service"
        token = current_cid.set(call.request.cid)
        try:
            seconds = time.monotonic() - call.began
            log.warning(
                "%s has been running for %.0f s, at the moment in:\n%s", service, seconds, stack
            )
        finally:
            current_cid.reset(token)
