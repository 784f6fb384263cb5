"""The keys and scripts of a cluster's queue in Redis, and the client that all of its parts share."""

from __future__ import annotations

import logging

from hansa import TimedOut, Unavailable
from hansa_redis.client import Client, open_client
from redis.commands.core import Script
from redis.exceptions import RedisError, ResponseError

from . import scripts

log = logging.getLogger("hansa.queue")
ScriptArgument = bytes | str | int | float
GROUP = "workers"
"""The consumer group that all reading threads of the cluster belong to."""
DEADLINE = 3.0
"""Seconds that one call of Redis may take."""
FAILURES = (RedisError, OSError, Unavailable, TimedOut)
"""What a call of Redis may fail with."""
_LOSS = {
    "always": "nothing, also when power fails",
    "everysec": "nothing when Redis is killed, up to about a second when power fails",
    "no": "nothing when Redis is killed, up to about half a minute when power fails",
}


class Store:
    """What a queue keeps: a stream of calls, those that are delayed, those that failed, counts, and
    groups of fan-outs.

    Each script takes `keys` and `args`, which its source in `scripts` names.
    """

    def __init__(self, address: str, prefix: str) -> None:
        self.redis: Client = open_client(address, "the queue's Redis", timeout=DEADLINE)
        self.prefix = prefix
        self.stream = self.key("stream")
        self.delayed = self.key("delayed")
        self.counts = self.key("counts")
        self.failed = self.key("failed")
        self.failed_calls = self.key("failed:calls")
        self.failed_infos = self.key("failed:infos")
        self.put = self._script(scripts.PUT)
        self.put_later = self._script(scripts.PUT_LATER)
        self.put_group = self._script(scripts.PUT_GROUP)
        self.done = self._script(scripts.DONE)
        self.finish = self._script(scripts.FINISH)
        self.claim = self._script(scripts.CLAIM)
        self.hold = self._script(scripts.HOLD)
        self.move_due = self._script(scripts.MOVE_DUE)
        self.forget_consumers = self._script(scripts.FORGET_CONSUMERS)
        self.replay = self._script(scripts.REPLAY)
        self.delete = self._script(scripts.DELETE)
        self.edit = self._script(scripts.EDIT)

    def _script(self, source: str) -> Script:
        return self.redis.register_script(source)

    def key(self, *parts: str) -> str:
        """Return the name of a key of this queue."""
        return ":".join((self.prefix, *parts))

    def group(self, name: str) -> str:
        """Return the key of a group of calls that end together."""
        return self.key("group", name)

    def prepare(self) -> None:
        """Create the stream and its consumer group where they do not exist yet."""
        try:
            self.redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):  # redis-py has no class for it
                raise

    def durability(self) -> dict[str, object]:
        """Return what Redis loses when it is killed and when power fails: `aof`, `fsync`, and the
        same in words, `loss`.
        """
        aof = bool(int(self.redis.info("persistence").get("aof_enabled", 0)))
        if not aof:
            loss = "everything since the last snapshot, whenever Redis ends: set appendonly yes"
            return {"aof": False, "fsync": "off", "loss": loss}
        fsync = self._fsync_policy()
        unknown = "nothing when Redis is killed, an unknown time when power fails"
        return {"aof": True, "fsync": fsync, "loss": _LOSS.get(fsync, unknown)}

    def _fsync_policy(self) -> str:
        try:
            found = self.redis.config_get("appendfsync")
        except ResponseError:
            log.debug("this Redis user may not read the configuration")
            return "unknown"
        for value in found.values():
            return text(value)
        return "unknown"


def text(value: object) -> str:
    """Return what Redis answered as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def unavailable(error: Exception, what: str) -> Unavailable:
    """Return the error for a caller whom Redis failed; `what` begins its text."""
    if isinstance(error, TimedOut):
        return Unavailable(f"{what} in time, and may still be: {error}", retry_after=2)
    return Unavailable(f"{what}: {error}", retry_after=2)
