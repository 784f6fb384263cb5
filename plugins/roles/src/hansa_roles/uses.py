"""When accounts were last used: noted by requests in memory, written down by a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from hansa import Records

log = logging.getLogger("hansa.roles")

INTERVAL = 60.0
"""Seconds between two writes of the last use of an account, at least."""
LOOK = 1.0
"""Seconds between two looks at what requests have noted."""
JOIN = 5.0


class LastUses:
    """The last uses of accounts, in this worker and in records that all workers share.

    A request does no more than `noted.add(account)`.
    """

    def __init__(self, records: Callable[[], Records]) -> None:
        self.noted: set[str] = set()
        self._records = records
        self._own: dict[str, float] = {}
        self._written: dict[str, float] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write down what requests note, once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="last uses", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Write down what is noted, and end."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(JOIN)

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(LOOK)
            try:
                self.write(time.time())
            except Exception:
                # the store is away; what was not written is noted again by the next use
                log.warning("the last use of accounts could not be written", exc_info=True)

    def write(self, now: float) -> None:
        """Take what requests have noted, and write down what was not within the last minute."""
        noted = self.noted
        self.noted = set()
        # a copy: a request may still add to the set that it has found
        for account in list(noted):
            self._own[account] = now
            if now - self._written.get(account, 0.0) < INTERVAL:
                continue
            if now - self._stored(account) >= INTERVAL:
                self._records().write(account, str(int(now)).encode())
            self._written[account] = now

    def last(self, account: str) -> str | None:
        """Return the time of the last use in the cluster, in ISO 8601, UTC, to the minute; None if
        none is known.
        """
        found = max(self._stored(account), self._own.get(account, 0.0))
        if not found:
            return None
        return datetime.fromtimestamp(found, UTC).isoformat(timespec="minutes")

    def _stored(self, account: str) -> float:
        """Return the time that some worker has written down; 0 if none has."""
        kept = self._records().read(account)
        return float(kept) if kept else 0.0
