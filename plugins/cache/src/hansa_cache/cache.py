"""One cache, as services use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from hansa import ResultTooLarge, TimedOut

from .computing import compute_once
from .entries import CacheEntry, Value, checked_expiry, checked_key, decoded, encoded
from .matching import Matches, Variant, matcher
from .settings import CacheSettings
from .store import Bounds, CacheStatus, CacheStore, SetMode, Stored

MOST_FOUND = 10_000
"""Entries that one call returns at most."""
MOST_BYTES = 16 * 1024 * 1024
"""Bytes of values that one call returns at most."""
LONGEST_SCAN = 5.0
"""Seconds that a call about many keys may take."""
AT_ONCE = 200
"""Entries that are read by one call of the store."""
Computed = TypeVar("Computed")


class Cache:
    """Values by key, which all services of the cluster share: `self.cache["rates"].set("USD", 1.2)`.

    Values are what JSON holds, or bytes; they come back as JSON has them, dates as text. Expiries
    are seconds: None is the default of the cache, 0 never. Methods raise `Unavailable` where the
    store cannot be reached, and `Invalid`.
    """

    def __init__(self, name: str, config: CacheSettings, store: CacheStore) -> None:
        self.name = name
        self.config = config
        self.store = store
        self._bounds = Bounds(config.max_items, config.max_bytes)

    # -- by key ------------------------------------------------------------------------------------

    def get(self, key: str, default: Value = None) -> Value:
        """Return the value of a key, or the default."""
        found = self.entry(key)
        return default if found is None else found.value

    def entry(self, key: str) -> CacheEntry | None:
        """Return the entry of a key, with the time at which it expires; None if there is none."""
        [found] = self._read([checked_key(key)])
        return None if found is None else CacheEntry(key, decoded(found), found.expires)

    def look(self, key: str) -> Value:
        """Return the value of a key, None if there is none; it counts as neither hit nor miss."""
        [found] = self.store.read([checked_key(key)], extend=False, count=False)
        return None if found is None else decoded(found)

    def set(self, key: str, value: Value, expiry: float | None = None) -> None:
        """Keep a value; raises `TooLarge`, or `Invalid` for one that JSON cannot hold."""
        self._write(key, value, expiry, "set")

    def add(self, key: str, value: Value, expiry: float | None = None) -> bool:
        """Keep a value unless the key has one; whether it had none."""
        return self._write(key, value, expiry, "add")

    def replace(self, key: str, value: Value, expiry: float | None = None) -> bool:
        """Keep a value if the key has one; whether it had."""
        return self._write(key, value, expiry, "replace")

    def expire(self, key: str, expiry: float) -> bool:
        """Let an entry expire after that many seconds, 0 for never; whether there is one."""
        return self.store.expire([checked_key(key)], checked_expiry(expiry)) == 1

    def delete(self, key: str) -> bool:
        """Delete an entry; whether there was one."""
        return self.store.delete([checked_key(key)]) == 1

    def get_or_compute(
        self, key: str, compute: Callable[[], Computed], expiry: float | None = None
    ) -> Value:
        """Return the value of a key; if there is none, what `compute` returns, which is kept.

        One caller of the cluster computes it at a time, and the others wait for what it keeps. A
        None is returned and not kept. Raises what `compute` raises, and what `set` does.
        """
        return compute_once(self, key, compute, expiry)

    # -- of many keys ------------------------------------------------------------------------------

    def keys(self) -> list[str]:
        """Return all keys, sorted."""
        return self._found(lambda key: True)

    def find_keys(self, variant: Variant, wanted: str | Sequence[str]) -> list[str]:
        """Return the keys that are meant, sorted, such as `find_keys("prefix", "user.")`.

        Variants are `prefix`, `suffix`, `regex`, `contains`, `not_contains`, `contains_all` and
        `contains_any`; the last two take several texts. Raises `Invalid`, `ResultTooLarge` for more
        than 10,000, `TimedOut` after 5 s.
        """
        return self._found(matcher(variant, wanted))

    def get_many(self, variant: Variant, wanted: str | Sequence[str]) -> dict[str, Value]:
        """Return the values whose keys are meant; raises as `find_keys`, and `ResultTooLarge` for
        more than 16 MiB.
        """
        return self.values_of(self.find_keys(variant, wanted))

    def items(self) -> dict[str, Value]:
        """Return all values by key; raises `ResultTooLarge` for more than 16 MiB."""
        return self.values_of(self.keys())

    def values_of(self, keys: Sequence[str]) -> dict[str, Value]:
        """Return the values of those keys that have one; raises `ResultTooLarge`."""
        size = 0
        found: dict[str, Value] = {}
        # so that no answer of the store is much larger than what is returned
        at_once = min(AT_ONCE, max(1, MOST_BYTES // self.config.max_value))
        for part in _parts(keys, at_once):
            for key, stored in zip(part, self._read(part), strict=True):
                if stored is None:
                    continue
                size += len(stored.value)
                if size > MOST_BYTES:
                    raise ResultTooLarge(f"the values have more than {MOST_BYTES:,} bytes")
                found[key] = decoded(stored)
        return found

    def set_many(
        self,
        variant: Variant,
        wanted: str | Sequence[str],
        value: Value,
        expiry: float | None = None,
    ) -> list[str]:
        """Keep one value under all keys that are meant and have one; returns them."""
        raw, seconds = self._prepared(value, expiry)
        keys = self.find_keys(variant, wanted)
        write = self.store.write
        return [key for key in keys if write(key, raw, seconds, self._bounds, "replace")]

    def expire_many(
        self, variant: Variant, wanted: str | Sequence[str], expiry: float
    ) -> list[str]:
        """Let all entries whose keys are meant expire after that many seconds; returns the keys."""
        seconds = checked_expiry(expiry)
        keys = self.find_keys(variant, wanted)
        self.store.expire(keys, seconds)
        return keys

    def delete_many(self, variant: Variant, wanted: str | Sequence[str]) -> list[str]:
        """Delete all entries whose keys are meant; returns the keys."""
        keys = self.find_keys(variant, wanted)
        self.store.delete(keys)
        return keys

    def clear(self) -> None:
        """Delete all entries."""
        self.store.clear()

    def status(self) -> CacheStatus:
        """Return how many entries there are, of what size, and what has been counted."""
        return self.store.status()

    # -- as a mapping ------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Value:
        found = self.entry(key)
        if found is None:
            raise KeyError(key)
        return found.value

    def __setitem__(self, key: str, value: Value) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.look(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return self.status().items

    def __bool__(self) -> bool:
        """True, whether or not it has entries."""
        return True

    # -- beneath -----------------------------------------------------------------------------------

    def _read(self, keys: Sequence[str]) -> list[Stored | None]:
        return self.store.read(keys, extend=self.config.extend_on_get, count=True)

    def _write(self, key: str, value: Value, expiry: float | None, mode: SetMode) -> bool:
        raw, seconds = self._prepared(value, expiry)
        return self.store.write(checked_key(key), raw, seconds, self._bounds, mode)

    def _prepared(self, value: Value, expiry: float | None) -> tuple[bytes, float]:
        seconds = self.config.default_expiry if expiry is None else checked_expiry(expiry)
        return encoded(value, self.config.max_value), seconds

    def _found(self, matches: Matches) -> list[str]:
        ends_at = time.monotonic() + LONGEST_SCAN
        found: list[str] = []
        for part in self.store.scan():
            found += [key for key in part if matches(key)]
            if len(found) > MOST_FOUND:
                raise ResultTooLarge(f"more than {MOST_FOUND:,} keys are meant")
            if time.monotonic() > ends_at:
                raise TimedOut(f"the keys of the cache could not be read in {LONGEST_SCAN:g} s")
        return sorted(found)


def _parts(keys: Sequence[str], at_once: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), at_once):
        yield keys[start : start + at_once]
