"""The tokens of a period: counted in the cluster's Redis, or by each worker where there is none."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import cast

from hansa import Server

from .faults import BudgetSpent

log = logging.getLogger("hansa.outgoing.llm")

PAUSE = 5.0
"""Seconds for which Redis is not asked after it has failed."""
SCRIPT = """
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
local limit = tonumber(ARGV[2])
if limit >= 0 and spent + tonumber(ARGV[1]) > limit then return -1 end
spent = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return spent
"""
"""Adds tokens, unless that exceeds a limit; one of -1 is none."""
_NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Reservation:
    """Tokens that were taken before a call, of which period, and whether Redis has counted them."""

    tokens: int
    period: int
    shared: bool


class Budget:
    """The budget of one connection; safe in many threads."""

    def __init__(self, server: Server, name: str, limit: int, period: int) -> None:
        self._server = server
        self._name = name
        self._limit = limit
        self._period = period
        self._own: dict[int, int] = {}
        self._guard = threading.Lock()
        self._ask_at = 0.0

    def reserve(self, tokens: int) -> Reservation:
        """Take tokens before a call; raises `BudgetSpent`."""
        now = time.time()
        period = int(now // self._period)
        if not self._limit:
            return Reservation(tokens, period, False)
        found = self._add_shared(period, tokens, self._limit)
        shared = found is not None
        if found is None:
            found = self._add_here(period, tokens, self._limit)
        if found < 0:
            wait = (period + 1) * self._period - now
            raise BudgetSpent(
                f"the budget of outgoing llm {self._name!r} is spent: {self._limit} tokens in "
                f"{self._period} s; the next period begins in {wait:.0f} s",
                wait,
            )
        return Reservation(tokens, period, shared)

    def settle(self, reserved: Reservation, used: int) -> None:
        """Give back what a call did not use, or count what it used besides.

        Tokens go back to where they were taken; if that is a Redis that has failed since, they stay
        taken.
        """
        difference = used - reserved.tokens
        if not self._limit or not difference:
            return
        if reserved.shared:
            found = self._add_shared(reserved.period, difference, _NO_LIMIT)
            if found is not None or difference < 0:
                return
        self._add_here(reserved.period, difference, _NO_LIMIT)

    def spent(self) -> int:
        """Return the tokens of this period so far."""
        if not self._limit:
            return 0
        period = int(time.time() // self._period)
        found = self._add_shared(period, 0, _NO_LIMIT)
        return self._add_here(period, 0, _NO_LIMIT) if found is None else found

    def _add_shared(self, period: int, tokens: int, limit: int) -> int | None:
        """Count in Redis; None where there is none, or it has failed."""
        if time.monotonic() >= self._ask_at:
            try:
                return self._ask(period, tokens, limit)
            except Exception as error:  # redis-py's own, and those of hansa-redis
                self._ask_at = time.monotonic() + PAUSE
                log.warning("tokens are counted by each worker, without Redis: %s", error)
        return None

    def _ask(self, period: int, tokens: int, limit: int) -> int | None:
        """Count in Redis; None where there is none."""
        bus = self._server.bus
        client = bus.redis
        if client is None:
            return None
        key = bus.key("llm", f"{self._name}:{period}")
        lasts = 2 * self._period
        return cast(int, client.eval(SCRIPT, 1, key, str(tokens), str(limit), str(lasts)))

    def _add_here(self, period: int, tokens: int, limit: int) -> int:
        with self._guard:
            spent = self._own.get(period, 0)
            if limit >= 0 and spent + tokens > limit:
                return -1
            # what is settled late is of the period before
            self._own = {at: count for at, count in self._own.items() if at >= period - 1}
            self._own[period] = spent + tokens
            return self._own[period]
