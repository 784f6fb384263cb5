"""Back-off for those who guess: a user at one address, and an address as a whole, may fail only so
often.

Buckets that refill steadily (the generic cell rate algorithm): one number for each user and
address, in bounded tables.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` failures at once, then one more each `interval` seconds."""

    burst: int
    interval: float


PER_USER = Limit(10, 60.0)
"""A user at one address: at most 20 attempts are evaluated in any ten minutes."""
PER_ADDRESS = Limit(50, 12.0)
"""All users at one address together: at most 100 in any ten minutes."""


class Throttle:
    """Counts attempts that did not succeed; `size` bounds how many users and addresses are
    remembered.

    An attempt is counted before it is evaluated, so that many at the same moment are no way around,
    and taken back when it was right. `attempt` identifies what was presented: the same thing tried
    against several definitions counts once.
    """

    def __init__(self, size: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._full_at: dict[bytes | str, float] = {}
        self._counted: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def wait(self, user: bytes, peer: str) -> float:
        """Return the seconds until this user at this address may try again; 0 means now."""
        with self._lock:
            return self._wait(_buckets(user, peer), self._clock())

    def count(self, attempt: bytes, user: bytes, peer: str) -> float:
        """Count an attempt and return 0, or count nothing and return the seconds to wait."""
        with self._lock:
            now = self._clock()
            buckets = _buckets(user, peer)
            if attempt in self._counted:
                return 0.0
            seconds = self._wait(buckets, now)
            if not seconds:
                self._make_room(now)
                self._counted[attempt] = now + PER_USER.burst * PER_USER.interval
                for key, limit in buckets:
                    self._full_at[key] = max(self._full_at.get(key, 0.0), now) + limit.interval
            return seconds

    def forgive(self, attempt: bytes, user: bytes, peer: str) -> None:
        """Take back a counted attempt: it was right."""
        with self._lock:
            if self._counted.pop(attempt, None) is not None:
                for key, limit in _buckets(user, peer):
                    if key in self._full_at:
                        self._full_at[key] -= limit.interval

    def _wait(self, buckets: tuple[tuple[bytes | str, Limit], ...], now: float) -> float:
        waits = (
            self._full_at.get(key, 0.0) - now - limit.interval * (limit.burst - 1)
            for key, limit in buckets
        )
        return max(0.0, *waits)

    def _make_room(self, now: float) -> None:
        """Forget what is full again, then, if that is not enough, the oldest."""
        _shrink(self._full_at, self._size, now)
        _shrink(self._counted, self._size, now)


def _shrink(table: dict[K, float], size: int, now: float) -> None:
    """Make room for two in a table of times, by key, at which entries are over."""
    if len(table) + 2 > size:
        for key in [key for key, until in table.items() if until <= now]:
            del table[key]
    while len(table) + 2 > size:
        del table[next(iter(table))]


def _buckets(user: bytes, peer: str) -> tuple[tuple[bytes | str, Limit], ...]:
    address = _network(peer)
    return (user + address.encode("utf-8", "surrogatepass"), PER_USER), (address, PER_ADDRESS)


def _network(peer: str) -> str:
    """Return the address that counts as one caller: of IPv6 the first 64 bits, since whoever has
    one has all of those.
    """
    if ":" not in peer:
        return peer
    try:
        return str(ipaddress.IPv6Network((peer.partition("%")[0], 64), strict=False))
    except ValueError:
        return peer[:64]


failures = Throttle()
"""The one table of this process: a new definition, or an edited one, grants nobody new attempts."""
