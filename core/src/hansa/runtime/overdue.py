"""Calls that take longer than they should: each is logged once, with the stack of its thread."""

from __future__ import annotations

import logging
import sys
import time
import traceback

from ..contract.service import current_cid
from .inflight import Call, InFlight
from .watch import LimitWatch

log = logging.getLogger("hansa.overdue")

LOOK = 1.0
"""Seconds between two looks at the calls in hand, at most."""


class OverdueCalls(LimitWatch):
    """Tells of the calls of one worker that have been running for longer than `limit` seconds; of
    none, if that is 0.
    """

    def __init__(self, inflight: InFlight, limit: float) -> None:
        super().__init__("overdue calls", limit)
        self._inflight = inflight
        self._told: set[Call] = set()

    def look(self) -> float:
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
        return min(LOOK, self._limit)

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
