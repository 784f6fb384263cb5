"""`self.kvdb`, `self.lock` and `self.translate`: what services do with Redis."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from hansa import NotFound

from ..constants import KVDB
from ..payloads import Value
from ..section import ZatoSection

if TYPE_CHECKING:
    from hansa import Server
    from redis import Redis
    from redis.lock import Lock


Translate: TypeAlias = Callable[[str, str, str, str, str, str], str]
"""Returns what a value of one system is in another: of `self.translate`, the arguments."""


class KeyValueDB:
    """Redis: `conn` is a client that returns text, `translate` looks into the data dictionaries."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def conn(self) -> Redis:
        """The redis-py client.

        Answers are text. Raises `hansa.Unavailable` if the cluster has no Redis.
        """
        return self._server.redis

    def translate(
        self, system1: str, key1: str, value1: str, system2: str, key2: str, default: str = ""
    ) -> str:
        """Return the `key2` of one system for `value1` of `key1` in another, or the default.

        It is looked up in the tables of hansa-dictionary; where that plugin is not loaded, in Redis,
        where Zato keeps them.
        """
        try:
            given = cast(Translate, self._server.registry.attribute("translate"))
        except NotFound:
            return self._in_redis(system1, key1, value1, system2, key2, default)
        return given(system1, key1, value1, system2, key2, default)

    def _in_redis(
        self, system1: str, key1: str, value1: str, system2: str, key2: str, default: str
    ) -> str:
        key = KVDB.SEPARATOR.join((KVDB.TRANSLATION, system1, key1, value1, system2, key2))
        found = self.conn.hget(key, "value2")
        return default if found is None else str(found)

    def run_lua(
        self, name: str, keys: Sequence[str] = (), args: Sequence[str | float] = ()
    ) -> Value:
        """Run the script NAME.lua of the folder `zato.lua_dir` in Redis, and return its answer.

        Raises KeyError if there is none.
        """
        folder = Path(self._server.dir) / self._server.section(ZatoSection).lua_dir
        file = name.removesuffix(".lua") + ".lua"
        known = [each.name for each in folder.glob("*.lua")]
        if file not in known:
            raise KeyError(f"there is no script {file!r} in {folder.name}, the zato.lua_dir")
        script = self.conn.register_script((folder / file).read_text(encoding="utf-8"))
        return script(keys=list(keys), args=list(args))

    def subscribe(self, *channels: str) -> Value:
        """Return a subscription of Redis itself to channels, to be read and closed by the caller."""
        conn: Value = self.conn
        found = conn.pubsub(ignore_subscribe_messages=True)
        found.subscribe(*channels)
        return found

    def publish(self, channel: str, message: object) -> Value:
        """Publish a message with Redis itself; returns how many subscribers received it."""
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        return self.conn.publish(channel, text)


def lock(server: Server, name: str, ttl: float, block: float) -> Lock:
    """Return a lock that is held once in the cluster, for at most `ttl` seconds.

    Entering it waits up to `block` seconds, then raises redis.exceptions.LockError. It is
    redis-py's lock: each holder has its own token, so none releases another's.
    """
    key = KVDB.LOCK_SERVICE_PREFIX + name
    made: Lock = server.redis.lock(key, timeout=ttl, blocking_timeout=block)
    return made
