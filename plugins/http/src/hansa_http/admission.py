"""Which connections a worker keeps when there are too many: idle ones end first, of the address
that has most.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Protocol

log = logging.getLogger("hansa.http")
REPORT = 60.0
"""Minimum seconds between two lines of the log about connections that were ended."""


class Occupation(IntEnum):
    """What a connection is open for, in the order in which connections are ended."""

    IDLE = 0
    """Nothing is asked or answered."""
    INCOMPLETE = 1
    """A request has begun to arrive."""
    UNREAD = 2
    """An answer is not taken."""
    SERVED = 3
    """A request waits or is being answered; it is never ended for another."""


class Guest(Protocol):
    """A connection, as admission sees it."""

    last_activity: float

    @property
    def address(self) -> str:
        """The address of its other end."""

    @property
    def occupation(self) -> Occupation:
        """What it is open for."""

    def handle_close(self) -> None:
        """Close it."""


class Admission:
    """The open connections of a worker, at most `limit`, and at most `per_address` for each address
    that is no proxy; 0 sets no limit for addresses. `named` is the limit in lines of the log.

    A connection over a limit ends another one, that which has been quiet for longest. Where all of
    an address are being served, its new one is closed; over `limit` they wait in the backlog.
    """

    def __init__(
        self,
        limit: int,
        per_address: int,
        is_proxy: Callable[[str], bool],
        named: str = "http.connection_limit",
    ) -> None:
        self._limit = limit
        self._named = named
        self._per_address = per_address
        self._is_proxy = is_proxy
        self._by_address: dict[str, set[Guest]] = {}
        self._total = 0
        self._report_at = 0.0

    def enter(self, guest: Guest) -> None:
        """Take in a new connection, and end another one, or this one, if there are too many."""
        address = guest.address
        own = self._by_address.setdefault(address, set())
        own.add(guest)
        self._total += 1
        if 0 < self._per_address < len(own) and not self._is_proxy(address):
            self._report(f"{address} has more than http.connections_per_address")
            (_quietest(own - {guest}) or guest).handle_close()
        elif self._total > self._limit:
            self._report(f"there are more than {self._named}")
            self._end_one(guest)

    def leave(self, guest: Guest) -> None:
        """Forget a connection that is closed."""
        own = self._by_address.get(guest.address)
        if own is None or guest not in own:
            return
        own.remove(guest)
        self._total -= 1
        if not own:
            del self._by_address[guest.address]

    def _report(self, why: str) -> None:
        now = time.monotonic()
        if now >= self._report_at:
            self._report_at = now + REPORT
            log.warning("connections are ended for new ones, idle ones first: %s", why)

    def _end_one(self, newcomer: Guest) -> None:
        """End a connection of the address that has most, or of the next one if all are served."""
        for own in sorted(self._by_address.values(), key=len, reverse=True):
            found = _quietest(own - {newcomer})
            if found is not None:
                found.handle_close()
                return


def _quietest(guests: Iterable[Guest]) -> Guest | None:
    """Return the connection that is to be ended first; None if all are being served."""
    endable = [
        (occupation, guest.last_activity, guest)
        for guest in guests
        if (occupation := guest.occupation) is not Occupation.SERVED
    ]
    if not endable:
        return None
    return min(endable, key=lambda one: one[:2])[2]
