"""`self.kvdb`, `self.lock` and `self.translate`: what services do with Redis."""

from __future__ import annotations

import json
from typing import Any

from ..constants import KVDB


class KeyValueDB:
    """Redis: `conn` is a client that gives text, `translate` looks into the data dictionaries."""

    def __init__(self, server: Any) -> None:
        self._server = server

    @property
    def conn(self) -> Any:
        """The redis-py client; answers are text. Raises `hansa.Unavailable` if the cluster has no Redis."""
        return self._server.redis

    def translate(
        self, system1: str, key1: str, value1: str, system2: str, key2: str, default: str = ""
    ) -> str:
        """What `value1` of `key1` in one system is called under `key2` in another, or the default."""
        key = KVDB.SEPARATOR.join((KVDB.TRANSLATION, system1, key1, value1, system2, key2))
        found = self.conn.hget(key, "value2")
        return default if found is None else str(found)

    def publish(self, channel: str, message: str) -> Any:
        """Publish a message with Redis itself."""
        return self.conn.publish(
            channel, message if isinstance(message, str | bytes) else json.dumps(message)
        )


def lock(server: Any, service: str, name: str, ttl: float, block: float) -> Any:
    """A lock that is held once in the cluster, for at most `ttl` seconds; entering waits up to `block` seconds, then raises.

    It is redis-py's lock: each holder has its own token, so none releases another's.
    """
    return server.redis.lock(
        KVDB.LOCK_SERVICE_PREFIX + (name or service), timeout=ttl, blocking_timeout=block
    )
