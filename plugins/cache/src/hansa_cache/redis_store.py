"""Caches in the cluster's Redis."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

from hansa import Bus
from hansa_redis.client import Client, open_client
from hansa_redis.untyped import Script, ScriptArgument, text_of

from . import scripts
from .store import Bounds, CacheStatus, CacheStore, SetMode, Stored

TIMEOUT = 3.0
"""Seconds that one call of Redis may take."""
AT_ONCE = 1000
"""Keys that one call of Redis is about, so that Redis soon answers others."""
NEVER = -1


class RedisCaches:
    """The client and the scripts that all caches of a worker share."""

    def __init__(self, bus: Bus, address: str) -> None:
        self._bus = bus
        self.client: Client = open_client(address, "the Redis of the caches", timeout=TIMEOUT)
        register = self.client.register_script
        self.write: Script = register(scripts.WRITE)
        self.read: Script = register(scripts.READ)
        self.expire: Script = register(scripts.EXPIRE)
        self.delete: Script = register(scripts.DELETE)
        self.sweep: Script = register(scripts.SWEEP)
        self.clear: Script = register(scripts.CLEAR)
        self.release: Script = register(scripts.RELEASE)

    def keys_of(self, name: str) -> list[str]:
        """Return the keys of a cache: values, times of expiry, times of use, counts, lives."""
        parts = ("values", "expiry", "used", "counts", "lives")
        return [self._bus.key("cache", name, part) for part in parts]

    def claim_of(self, name: str, key: str) -> str:
        """Return the key of the right to compute a value."""
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        return self._bus.key("cache-claim", name, digest)


class RedisStore(CacheStore):
    """The entries of one cache in the cluster's Redis."""

    def __init__(self, shared: RedisCaches, name: str) -> None:
        self._shared = shared
        self._name = name
        self._keys = shared.keys_of(name)

    def write(self, key: str, value: bytes, seconds: float, bounds: Bounds, mode: SetMode) -> bool:
        """Keep a value."""
        limits = [bounds.max_items, bounds.max_bytes]
        arguments: list[ScriptArgument] = [key, value, _ms(seconds), *limits, mode]
        return bool(self._shared.write(keys=self._keys, args=arguments))

    def read(self, keys: Sequence[str], *, extend: bool, count: bool) -> list[Stored | None]:
        """Return the entries of keys."""
        found: list[Stored | None] = []
        for part in _parts(keys):
            arguments: list[ScriptArgument] = [int(extend), int(count), *part]
            answer = self._shared.read(keys=self._keys, args=arguments)
            assert isinstance(answer, list)
            pairs = zip(answer[::2], answer[1::2], strict=True)
            found += [_stored(value, ends) for value, ends in pairs]
        return found

    def expire(self, keys: Sequence[str], seconds: float) -> int:
        """Let entries expire after that many seconds."""
        done = 0
        for part in _parts(keys):
            answer = self._shared.expire(keys=self._keys, args=[_ms(seconds), *part])
            done += int(str(answer))
        return done

    def delete(self, keys: Sequence[str]) -> int:
        """Delete entries."""
        done = 0
        for part in _parts(keys):
            done += int(str(self._shared.delete(keys=self._keys, args=[*part])))
        return done

    def scan(self) -> Iterator[list[str]]:
        """Return all keys, part by part."""
        self._sweep()
        cursor = 0
        seen: set[str] = set()
        while True:
            command = ("ZSCAN", self._keys[2], cursor, "COUNT", AT_ONCE)
            cursor, rows = self._shared.client.execute_command(*command)
            cursor = int(cursor)
            names = {text_of(row[0] if isinstance(row, tuple) else row) for row in _members(rows)}
            yield sorted(names - seen)
            seen |= names
            if cursor == 0:
                return

    def clear(self) -> None:
        """Delete all entries."""
        self._shared.clear(keys=self._keys, args=[])

    def status(self) -> CacheStatus:
        """Return what is known of the cache."""
        self._sweep()
        client = self._shared.client
        items = int(client.execute_command("HLEN", self._keys[0]))
        names = ("bytes", "hits", "misses", "written", "expired", "evicted")
        counts = client.execute_command("HMGET", self._keys[3], *names)
        return CacheStatus(items, *(int(count or 0) for count in counts))

    def claim(self, key: str, holder: str, seconds: float) -> bool:
        """Claim the right to compute a value."""
        command = ("SET", self._shared.claim_of(self._name, key), holder, "NX", "PX", _ms(seconds))
        return bool(self._shared.client.execute_command(*command))

    def release(self, key: str, holder: str) -> None:
        """Give a claim back."""
        self._shared.release(keys=[self._shared.claim_of(self._name, key)], args=[holder])

    def close(self) -> None:
        """Nothing to close: the client is shared."""

    def _sweep(self) -> None:
        """Remove what has expired."""
        while self._shared.sweep(keys=self._keys, args=[AT_ONCE]) == AT_ONCE:
            pass


def _ms(seconds: float) -> int:
    """Return whole ms, at least one for what is not 0."""
    return math.ceil(seconds * 1000)


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]


def _members(rows: object) -> list[object]:
    """Return the members of an answer of ZSCAN, whose rows are pairs, or members and scores in
    turn.
    """
    assert isinstance(rows, list)
    return rows if rows and isinstance(rows[0], tuple) else rows[::2]


def _stored(value: bytes | None, ends: int) -> Stored | None:
    if value is None:
        return None
    return Stored(bytes(value), None if ends == NEVER else int(ends) / 1000)
