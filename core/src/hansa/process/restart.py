"""When to start again what ended by itself: workers and engines, each with pauses of its own."""

from __future__ import annotations

import logging

from ..foundation.backoff import WELL, Restarts

log = logging.getLogger("hansa.supervisor")


class RestartSchedule:
    """The pauses of what one supervisor starts again, by a key of its own choice; `well` is as for
    `Restarts`.
    """

    def __init__(self, well: float = WELL) -> None:
        self._well = well
        self._restarts: dict[str, Restarts] = {}
        self._waiting: set[str] = set()

    def due(self, key: str, served_since: float | None, what: str) -> bool:
        """Whether to start again now what ended; `served_since` is as for `Restarts.ended`.

        The first call after each end logs `what`, and when it will be started again.
        """
        restarts = self._restarts.setdefault(key, Restarts(well=self._well))
        if key not in self._waiting:
            self._waiting.add(key)
            delay = restarts.ended(served_since)
            log.error("%s, starting another in %g s", what, delay)
        if not restarts.due:
            return False
        self._waiting.discard(key)
        return True
