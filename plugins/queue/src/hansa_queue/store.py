"""The keys and scripts of a cluster's queue in Redis, and the client that all of its parts share."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from hansa import TimedOut, Unavailable
from hansa_redis.client import Client, open_client
from redis.commands.core import Script
from redis.exceptions import RedisError, ResponseError

from . import failed_scripts, replay_scripts, scripts

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
    """What a queue keeps: a stream of calls, those that are delayed, those that failed with their
    index, replays, counts, and groups of fan-outs.

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
        self.failed_groups = self.key("failed:groups")
        self.failed_places = self.key("failed:places")
        self.failed_cids = self.key("failed:cids")
        self.removals = self.key("failed:removals")
        self.replays = self.key("replays")
        self.active_replays = self.key("replays:active")
        self.samples = self.key("samples")
        self.failed_keys = [
            self.failed,
            self.failed_calls,
            self.failed_infos,
            self.failed_groups,
            self.failed_places,
            self.failed_cids,
        ]
        self.put = self._script(scripts.PUT)
        self.put_later = self._script(scripts.PUT_LATER)
        self.put_group = self._script(scripts.PUT_GROUP)
        self.done = self._script(scripts.DONE)
        self.finish = self._script(scripts.FINISH)
        self.claim = self._script(scripts.CLAIM)
        self.hold = self._script(scripts.HOLD)
        self.move_due = self._script(scripts.MOVE_DUE)
        self.forget_consumers = self._script(scripts.FORGET_CONSUMERS)
        self.sample = self._script(scripts.SAMPLE)
        self.replay = self._script(failed_scripts.REPLAY)
        self.replay_range = self._script(failed_scripts.REPLAY_RANGE)
        self.delete = self._script(failed_scripts.DELETE)
        self.delete_range = self._script(failed_scripts.DELETE_RANGE)
        self.remove = self._script(failed_scripts.REMOVE)
        self.edit = self._script(failed_scripts.EDIT)
        self.index = self._script(failed_scripts.INDEX)
        self.unindex = self._script(failed_scripts.UNINDEX)
        self.take = self._script(replay_scripts.TAKE)
        self.take_range = self._script(replay_scripts.TAKE_RANGE)
        self.begin_replay = self._script(replay_scripts.BEGIN)
        self.step_replay = self._script(replay_scripts.STEP)
        self.stop_replay = self._script(replay_scripts.STOP)
        self.pause_replay = self._script(replay_scripts.PAUSE)
        self.resume_replay = self._script(replay_scripts.RESUME)
        self.forget_replays = self._script(replay_scripts.FORGET)

    def _script(self, source: str) -> Script:
        return self.redis.register_script(source)

    def key(self, *parts: str) -> str:
        """Return the name of a key of this queue."""
        return ":".join((self.prefix, *parts))

    def group(self, name: str) -> str:
        """Return the key of a group of calls that end together."""
        return self.key("group", name)

    def failed_group(self, group: str) -> str:
        """Return the key of the index of the failed messages of a group."""
        return f"{self.failed}:group:{group}"

    def removal(self, name: str) -> str:
        """Return the key of the ids of messages that were deleted, and whose rest is still there."""
        return f"{self.removals}:{name}"

    @property
    def replay_prefix(self) -> str:
        """What the keys of replays begin with, before their ids."""
        return self.key("replay", "")

    def replay_keys(self, identifier: str) -> list[str]:
        """Return the keys of a replay: the replay, what it has still to send, the active replays."""
        replay = self.replay_prefix + identifier
        return [replay, f"{replay}:left", self.active_replays]

    def prepare(self) -> None:
        """Create the stream and its consumer group where they do not exist yet."""
        try:
            self.redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):  # redis-py has no class for it
                raise

    def look(self) -> list[Any]:
        """Return, as of one moment: the length of the stream, its groups, how many are delayed and
        failed, the counts, the time, and the newest sample. Raises `ResponseError` where there is
        no stream.
        """
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.xlen(self.stream)
            pipe.xinfo_groups(self.stream)
            pipe.zcard(self.delayed)
            pipe.zcard(self.failed)
            pipe.hgetall(self.counts)
            pipe.time()
            pipe.lrange(self.samples, -1, -1)
            return pipe.execute()

    def durability(self) -> dict[str, object]:
        """Return what Redis loses when it is killed and when power fails: `aof`, `fsync`, and the
        same in words, `loss`.
        """
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.info("persistence")
            pipe.config_get("appendfsync")
            persistence, configured = pipe.execute(raise_on_error=False)
        if isinstance(persistence, Exception):
            raise persistence
        aof = bool(int(persistence.get("aof_enabled", 0)))
        if not aof:
            loss = "everything since the last snapshot, whenever Redis ends: set appendonly yes"
            return {"aof": False, "fsync": "off", "loss": loss}
        fsync = _fsync_policy(configured)
        unknown = "nothing when Redis is killed, an unknown time when power fails"
        return {"aof": True, "fsync": fsync, "loss": _LOSS.get(fsync, unknown)}


def _fsync_policy(configured: Mapping[object, object] | Exception) -> str:
    """Return what Redis answers to `CONFIG GET appendfsync`, unless it refuses to."""
    if isinstance(configured, ResponseError):
        log.debug("this Redis user may not read the configuration")
        return "unknown"
    if isinstance(configured, Exception):
        raise configured
    for value in configured.values():
        return text(value)
    return "unknown"


def text(value: object) -> str:
    """Return what Redis answered as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def warn(what: str, error: Exception) -> None:
    """Log an error; with its traceback unless it is one that Redis is expected to cause."""
    expected = isinstance(error, FAILURES)
    log.warning("%s: %s", what, error, exc_info=None if expected else error)


def unavailable(error: Exception, what: str) -> Unavailable:
    """Return the error for a caller whom Redis failed; `what` begins its text."""
    if isinstance(error, TimedOut):
        return Unavailable(f"{what} in time, and may still be: {error}", retry_after=2)
    return Unavailable(f"{what}: {error}", retry_after=2)
