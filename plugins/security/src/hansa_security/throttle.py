"""Back-off for those who guess: failed logins are counted by name, by address, and by both, in the
whole cluster.

Refusing a name as a whole would let anybody lock its owner out. So who has failed is held up where
it failed, and a name that is guessed at from everywhere is still judged: as often as usual where it
has logged in before, and once from an address that has not failed yet. `docs/security.md` has the
reasons.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from hansa import Refused

from .cells import Cells, Limit, LocalCells, Step
from .tables import drop_expired

log = logging.getLogger("hansa.security")

PER_PAIR = Limit(10, 60.0)
"""A name at one address: at most 20 attempts are evaluated in any ten minutes."""
PER_ADDRESS = Limit(50, 12.0)
"""All names at one address together: at most 100 in any ten minutes."""
PER_NAME = Limit(100, 36.0)
"""A name at all addresses where it has not logged in: beyond it, the name is under attack."""
PER_NEWCOMER = Limit(1, 600.0)
"""A name under attack, at one address where it has not logged in: one attempt in ten minutes."""
FAMILIAR = Limit(1, 30 * 86400.0)
"""How long an address where a name has logged in is remembered as familiar."""

_REMEMBERED = 600.0
"""Seconds for which an attempt that was counted is not counted again."""


class Amounts(NamedTuple):
    """What is added to the counters of a name at an address, or taken back if negative."""

    pair: int = 0
    address: int = 0
    name: int = 0
    newcomer: int = 0


_NOTHING: Final = Amounts()


class Counted(NamedTuple):
    """An attempt that was counted: until when it is not counted again, and what it has added."""

    until: float
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Keys:
    """The counters of a name at an address."""

    pair: str
    address: str
    name: str
    newcomer: str
    familiar: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a name at an address stands: the seconds to `wait` until an attempt is judged, and
    whether it has logged in there before.
    """

    attempt: bytes
    wait: float
    familiar: bool
    keys: Keys

    def check(self, challenge: str) -> None:
        """Raise `Refused` with `Retry-After` if the attempt has to wait; `challenge` is the
        WWW-Authenticate header.
        """
        if self.wait > 0:
            refused = Refused("too many failed attempts; try again later", challenge)
            refused.headers["Retry-After"] = str(int(self.wait) + 1)
            raise refused


class Throttle:
    """Counts attempts that did not succeed.

    `look` says whether an attempt may be judged; then either `fail` or `succeed` notes the outcome.
    An attempt is a digest of what was presented: the same thing tried against several definitions
    of this process counts once, and not at all if it was right for one of them.
    """

    def __init__(
        self,
        cells: Cells | None = None,
        *,
        size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cells = LocalCells(clock=clock) if cells is None else cells
        self._size = size
        self._clock = clock
        self._counted: dict[bytes, Counted] = {}
        self._reported = -math.inf
        self._lock = threading.Lock()

    def look(self, attempt: bytes, name: str | bytes, peer: str) -> Standing:
        """Return how a name at an address stands with this attempt."""
        return self._apply(attempt, _keys(name, peer), _NOTHING)

    def fail(self, standing: Standing) -> Standing:
        """Count an attempt that was wrong; returns how it stood just before, since others may have
        failed since `standing` was looked at.
        """
        if self._was_counted(standing.attempt):
            return standing
        amounts = _failure(standing)
        before = self._apply(standing.attempt, standing.keys, amounts)
        if not before.wait:
            now = self._clock()
            with self._lock:
                drop_expired(self._counted, self._size, now, _until)
                self._counted[standing.attempt] = Counted(now + _REMEMBERED, amounts)
        return before

    def _apply(self, attempt: bytes, keys: Keys, amounts: Amounts) -> Standing:
        pair, address, name, newcomer, familiar = self._cells.apply(
            [
                Step(keys.pair, PER_PAIR, amounts.pair),
                Step(keys.address, PER_ADDRESS, amounts.address),
                Step(keys.name, PER_NAME, amounts.name),
                Step(keys.newcomer, PER_NEWCOMER, amounts.newcomer),
                Step(keys.familiar, FAMILIAR),
            ]
        )
        if self._was_counted(attempt):
            wait = 0.0
        elif familiar:
            wait = pair
        elif name:
            self._report()
            wait = max(pair, address, newcomer)
        else:
            wait = max(pair, address)
        return Standing(attempt, wait, bool(familiar), keys)

    def succeed(self, standing: Standing) -> None:
        """Note an attempt that was right: the name has logged in at this address, and what failed
        there before counts no longer. If this attempt was counted as wrong for another definition,
        what it added then is taken back, however the name stands by now.
        """
        keys = standing.keys
        with self._lock:
            counted = self._counted.pop(standing.attempt, None)
        added = _NOTHING if counted is None else counted.amounts
        self._cells.apply(
            [
                Step(keys.familiar, FAMILIAR, 1),
                Step(keys.pair, PER_PAIR, -PER_PAIR.burst),
                Step(keys.address, PER_ADDRESS, -added.address),
                Step(keys.name, PER_NAME, -added.name),
                Step(keys.newcomer, PER_NEWCOMER, -added.newcomer),
            ]
        )

    def forgive(self, attempt: bytes, name: str | bytes, peer: str) -> None:
        """Note an attempt that was right, if it has been counted as wrong for another definition."""
        if attempt in self._counted:
            self.succeed(self.look(attempt, name, peer))

    def count(self, attempt: bytes, name: str | bytes, peer: str) -> float:
        """Count an attempt that was wrong and return 0, or count nothing and return the seconds to
        wait.
        """
        standing = self.look(attempt, name, peer)
        if not standing.wait:
            self.fail(standing)
        return standing.wait

    def _was_counted(self, attempt: bytes) -> bool:
        counted = self._counted.get(attempt)
        return counted is not None and counted.until > self._clock()

    def _report(self) -> None:
        """Log that a name is under attack, once in ten minutes."""
        now = self._clock()
        if now - self._reported > PER_NEWCOMER.interval:
            self._reported = now
            log.warning(
                "somebody guesses at the password or key of one user from many addresses; the access "
                "log has them. Until that ends, each address where this user has not logged in before "
                "has one attempt in ten minutes"
            )


def _failure(standing: Standing) -> Amounts:
    """Return what a failure adds: where the name has logged in before, it is no sign of an attack on
    the name.
    """
    return Amounts(1, 1, 0, 0) if standing.familiar else Amounts(1, 1, 1, 1)


def _until(counted: Counted) -> float:
    return counted.until


def _keys(name: str | bytes, peer: str) -> Keys:
    text = name.encode("utf-8", "surrogatepass") if isinstance(name, str) else name
    who = hashlib.blake2b(text, digest_size=12).hexdigest()
    address = network_of(peer, 64)
    return Keys(
        pair=f"pair:{who}:{address}",
        address=f"address:{address}",
        name=f"name:{who}",
        newcomer=f"newcomer:{who}:{network_of(peer, 48)}",
        familiar=f"familiar:{who}:{address}",
    )


def network_of(peer: str, bits: int) -> str:
    """Return the address that counts as one caller: of IPv6 the first bits, since whoever has one
    address has all of those.
    """
    if ":" not in peer:
        return peer[:64]
    try:
        address = ipaddress.IPv6Address(peer.partition("%")[0])
    except ValueError:
        return peer[:64]
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, bits), strict=False))
