"""What keeps the entries of a cache, wherever that is, and what it says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

SetMode = Literal["set", "add", "replace"]
"""Whether an entry is written in any case, only if its key has none, or only if it has one."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A value as it is stored, and the time at which it expires, in seconds since the epoch; None:
    it does not.
    """

    value: bytes
    expires: float | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many entries a cache may have, and how many bytes their keys and values."""

    max_items: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """What is known of a cache: entries, their bytes, and counts since it was made.

    `evicted` entries had to make room for others.
    """

    items: int
    bytes: int
    hits: int
    misses: int
    written: int
    expired: int
    evicted: int


class CacheStore(Protocol):
    """Entries of one cache by key. Methods raise `Unavailable` where they cannot be reached.

    Expired entries are not there for any method. Seconds of 0 mean: it does not expire.
    """

    def write(self, key: str, value: bytes, seconds: float, bounds: Bounds, mode: SetMode) -> bool:
        """Keep a value, and let others go until there is room; whether its mode let it be kept."""

    def read(self, keys: Sequence[str], *, extend: bool, count: bool) -> list[Stored | None]:
        """Return the entries of keys, None for each that has none; whoever is read was used.

        `extend`: let the expiry of those that expire begin anew. `count`: count them as hits and
        misses.
        """

    def expire(self, keys: Sequence[str], seconds: float) -> int:
        """Let entries expire after that many seconds; returns how many there were."""

    def delete(self, keys: Sequence[str]) -> int:
        """Delete entries; returns how many there were."""

    def scan(self) -> Iterator[list[str]]:
        """Return all keys, part by part, in no order; none twice that was there throughout."""

    def clear(self) -> None:
        """Delete all entries."""

    def status(self) -> CacheStatus:
        """Return what is known of the cache."""

    def claim(self, key: str, holder: str, seconds: float) -> bool:
        """Claim the right to compute the value of a key for a time; whether nobody else has it."""

    def release(self, key: str, holder: str) -> None:
        """Give a claim back."""

    def close(self) -> None:
        """Let go of what was opened."""
