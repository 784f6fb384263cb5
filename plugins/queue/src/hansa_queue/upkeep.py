"""The thread of a worker that sends the messages of replays when they are due, and removes what
deleted messages have left.
"""

from __future__ import annotations

import threading
import time

from .early import QueueSection
from .failed import FailedMessages
from .replays import Replays
from .store import log, warn

TICK = 0.1
"""Seconds between two steps of what goes on."""
IDLE = 0.5
"""Seconds before the first look for something to do."""
LONGEST_IDLE = 60.0
"""Seconds between two looks unless the heartbeat has found something to do."""
LEASE = 2.0
"""Seconds after which another worker goes on with a replay whose worker has ended."""
MOST_SENT = 500
"""Messages of one replay that are sent in one step."""
PAUSE = 1.0
"""Seconds before Redis is asked again after it failed."""
SELDOM = 3600.0
"""Seconds between two looks for replays that ended long ago, and for faults of the index."""


class Upkeep:
    """Sends the messages of replays, and removes what is not needed any more.

    Each replay is sent by one worker at a time, which holds it by a lease in Redis. Each step is
    one script, so that a worker that dies leaves nothing half done.
    """

    def __init__(
        self, failed: FailedMessages, replays: Replays, holder: str, section: QueueSection
    ) -> None:
        self._failed = failed
        self._replays = replays
        self._holder = holder
        self._section = section
        self._stopped = threading.Event()
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="async-upkeep", daemon=True)
        self._seldom_at = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more; another worker goes on."""
        self._stopped.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(PAUSE + TICK)

    def wake(self) -> None:
        """Have it look at once: there is something to do."""
        self._wanted.set()

    def _run(self) -> None:
        pause = IDLE
        while not self._stopped.wait(pause):
            self._wanted.clear()
            pause = TICK
            try:
                if not self._step():
                    self._wanted.wait(LONGEST_IDLE)
            except Exception as error:
                warn("replays and the removal of failed messages wait", error)
                pause = PAUSE

    def _step(self) -> bool:
        """Send what is due of each replay, and remove a part of what is left of deleted messages;
        returns whether there was anything to do.
        """
        # before all that needs memory, of which there may be none until this is done
        removing = self._failed.remove_deleted()
        now = time.monotonic()
        if now >= self._seldom_at:
            self._seldom_at = now + SELDOM
            self._replays.forget(self._section.replay_days)
            self._failed.index.repair()
            self._forget_failed()
        active = self._replays.active()
        for identifier in active:
            self._replays.step(identifier, self._holder, LEASE, MOST_SENT)
        return removing or bool(active)

    def _forget_failed(self) -> None:
        """Delete the failed messages that are too old: one script, so several workers do no harm."""
        days = self._section.failed_days
        forgotten = self._failed.forget(days) if days else 0
        if forgotten:
            log.warning(
                "%d failed messages were deleted: they failed more than %g days ago, see "
                "[queue] failed_days",
                forgotten,
                days,
            )
