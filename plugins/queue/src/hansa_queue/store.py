"""Store: the keys and scripts of a cluster's queue in Redis, and the client that all of its parts share."""

from __future__ import annotations

import logging
from typing import Any

from hansa import TimedOut, Unavailable
from hansa_redis.client import open_client
from redis.exceptions import RedisError, ResponseError

from . import scripts

log = logging.getLogger("hansa.queue")
GROUP = "workers"
DEADLINE = 3.0


class Store:
    """What a queue keeps: a stream of calls, those that wait for a time, those that failed, counts, and groups of fan-outs.

    Each script of `scripts` is a method of the same name in lower case, which takes `keys` and `args`.
    """

    put: Any
    put_later: Any
    put_group: Any
    done: Any
    finish: Any
    claim: Any
    hold: Any
    move_due: Any
    forget_consumers: Any
    replay: Any
    delete: Any
    edit: Any

    def __init__(self, address: str, prefix: str) -> None:
        self.redis: Any = open_client(address, "the queue's Redis", timeout=DEADLINE)
        self.prefix = prefix
        self.stream, self.delayed, self.counts = (
            self.key("stream"),
            self.key("delayed"),
            self.key("counts"),
        )
        self.failed, self.failed_calls, self.failed_infos = (
            self.key("failed"),
            self.key("failed:calls"),
            self.key("failed:infos"),
        )
        for name in Store.__annotations__:
            setattr(self, name, self.redis.register_script(getattr(scripts, name.upper())))

    def key(self, *parts: str) -> str:
        """The name of a key of this queue."""
        return ":".join((self.prefix, *parts))

    def group(self, name: str) -> str:
        """The key of a group of calls that end together."""
        return self.key("group", name)

    def prepare(self) -> None:
        """Make the stream and its group of readers where they are not there yet."""
        try:
            self.redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def durability(self) -> dict[str, Any]:
        """What Redis keeps when it is killed and when power fails: `aof`, `fsync`, and the same in words, `loss`."""
        aof = bool(int(self.redis.info("persistence").get("aof_enabled", 0)))
        fsync = "unknown"
        try:
            found = self.redis.config_get("appendfsync")
            fsync = next((text(value) for value in found.values()), fsync)
        except ResponseError:
            log.debug("this user of Redis may not read its configuration")
        loss = {
            "always": "nothing, also when power fails",
            "everysec": "nothing when Redis is killed, up to about a second when power fails",
            "no": "nothing when Redis is killed, up to about half a minute when power fails",
        }.get(fsync, "nothing when Redis is killed, an unknown time when power fails")
        if not aof:
            loss = "everything since the last snapshot, whenever Redis ends: set appendonly yes"
        return {"aof": aof, "fsync": fsync if aof else "off", "loss": loss}


def text(value: Any) -> str:
    """Bytes of Redis as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def unavailable(error: Exception, what: str) -> Unavailable:
    """The error for a caller when Redis failed it."""
    if isinstance(error, TimedOut):
        return Unavailable(f"{what} in time, and may still be: {error}", retry_after=2)
    return Unavailable(f"{what}: {error}", retry_after=2)


FAILURES = (RedisError, OSError, Unavailable, TimedOut)
"""What a call of Redis may fail with."""
