"""Small records of a cluster in Redis: each value and each counter is a key of its own."""

from __future__ import annotations

import math

from hansa import Records
from redis import Redis
from redis.client import NEVER_DECODE

from .grouping import CommandGroups

_COUNT = """
-- counter | seconds
local count = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return count
"""


class RedisRecords(Records):
    """Records whose keys begin with `prefix`; methods raise redis-py's errors.

    A value is as durable as Redis keeps its data when `write` returns. Counters are keys of their
    own: a counter and a value of the same name do not meet.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._claims = CommandGroups(redis)
        # PERF: a transaction of the two commands takes 170 us of this process, the script 120
        self._count = redis.register_script(_COUNT)

    def read(self, name: str) -> bytes | None:
        """Return a value, or None if there is none."""
        # the client decodes answers as text, and a value may be any bytes
        options = {NEVER_DECODE: True}
        execute = self._redis.execute_command
        value: object = execute("GET", self._key(name), **options)  # type: ignore[no-untyped-call]
        return value if isinstance(value, bytes) else None

    def write(self, name: str, value: bytes) -> None:
        """Keep a value."""
        self._redis.set(self._key(name), value)

    def count(self, name: str, seconds: float) -> int:
        """Add one to a counter that expires after `seconds` without use, and return it."""
        count: int = self._count(keys=[self._counter(name)], args=[math.ceil(seconds)])
        return count

    def claim(self, name: str, seconds: float) -> bool:
        """Begin a counter at one that expires after `seconds`; whether there was none."""
        command = ("SET", self._counter(name), "1", "NX", "EX", math.ceil(seconds))
        return self._claims.execute(*command) is not None

    def delete(self, name: str) -> None:
        """Forget a value or a counter."""
        self._redis.delete(self._key(name), self._counter(name))

    def _key(self, name: str) -> str:
        return f"{self._prefix}:{name}"

    def _counter(self, name: str) -> str:
        return f"{self._prefix}:{name}:count"
