"""The cluster's ledger in Redis, asked so that an outage is logged once and holds nobody up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from hansa import Server, Unavailable

from .redis_ledger import RedisLedger

log = logging.getLogger("hansa.scheduler")
AnswerT = TypeVar("AnswerT")
PAUSE = 5.0
"""Seconds for which Redis is not asked after it failed, since each failure may take as long."""


class SharedLedger:
    """The ledger in the server's Redis, if it has one."""

    def __init__(self, server: Server, token: str) -> None:
        self._server = server
        self._token = token
        self._lock = threading.Lock()
        self._retry_at = 0.0
        self.pause = PAUSE
        self.ledger: RedisLedger | None = None

    @property
    def exists(self) -> bool:
        """Whether this server has been found to have a Redis, reachable or not."""
        return self.ledger is not None

    def ask(self, call: Callable[[RedisLedger], AnswerT]) -> AnswerT | None:
        """Return the answer of the ledger; None if there is no Redis, or it fails, which is logged
        once.

        After a failure it is not asked for some seconds.
        """
        if self._retry_at and time.monotonic() < self._retry_at:
            return None
        try:
            if self.ledger is None:
                redis = self._server.redis
                self.ledger = RedisLedger(redis, self._server.bus.key("schedule"), self._token)
            answer = call(self.ledger)
        except Unavailable:
            return None  # this server has no Redis
        except Exception as error:
            self._failed(error)
            return None
        if self._retry_at:
            self._recovered()
        return answer

    def tell(self, call: Callable[[RedisLedger], None]) -> bool:
        """Have the ledger note something; returns whether it did."""

        def note(ledger: RedisLedger) -> bool:
            call(ledger)
            return True

        return self.ask(note) is not None

    def retry_now(self) -> None:
        """Ask Redis at the next occasion, also if it has just failed."""
        self._retry_at = 0.0

    def _failed(self, error: Exception) -> None:
        with self._lock:
            first = not self._retry_at
            self._retry_at = time.monotonic() + self.pause
        if first:
            log.warning(
                "Redis cannot be asked, and another server may have the planned runs, so they "
                "wait: %s",
                error,
            )

    def _recovered(self) -> None:
        with self._lock:
            first = bool(self._retry_at)
            self._retry_at = 0.0
        if first:
            log.info("Redis is back, planned runs go on")
