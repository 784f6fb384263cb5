"""Whether a consumer group admits its member: the library waits for it in silence, maybe for ever."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

INTERVAL = 2.0
"""Seconds between two looks."""
ADMITTED = "steady"
"""The state of a member that has what the group assigns to it, as librdkafka calls it."""


class Admission:
    """Tells a channel when its member has been waiting for its group for `limit` seconds, and when it
    waits no more. The thread that polls calls it with the statistics of the library (JSON).
    """

    def __init__(self, group: str, limit: float, report: Callable[[str], None]) -> None:
        self._group = group
        self._limit = limit
        self._report = report
        self._since = time.monotonic()
        self._reported = False

    def __call__(self, statistics: str) -> None:
        """Take what the library says of its state."""
        group = json.loads(statistics).get("cgrp", {})
        state = group.get("join_state", "")
        if state == ADMITTED:
            self._since = time.monotonic()
            if self._reported:
                self._reported = False
                self._report("")
        elif not self._reported and time.monotonic() - self._since > self._limit:
            self._reported = True
            self._report(
                f"the group {self._group!r} has not admitted this member for {self._limit:g} s "
                f"({state}): another member may be holding up its rebalance"
            )
