"""The cluster's bus over Redis: nudges by pub/sub, leases as expiring keys, and the client that services may use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger("hansa.redis")


def open_redis(address: str, **options: Any) -> Any:
    """A redis-py client for an address (`redis://`, `rediss://` or `unix://`), whose every call ends within some 3 s."""
    options = {
        "decode_responses": True,
        "socket_timeout": 3,
        "socket_connect_timeout": 2,
        # a connection that died idle is made anew; who does not answer in time is not asked again
        "retry": Retry(NoBackoff(), 1, (redis.ConnectionError,)),
        **options,
    }
    return redis.Redis.from_url(address, **options)


_ACQUIRE = """
local holder = redis.call('HGET', KEYS[1], 'holder')
if holder and holder ~= ARGV[1] then return 0 end
local token = redis.call('HGET', KEYS[1], 'token')
if not holder then token = redis.call('INCR', KEYS[2]) end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'token', token)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return tonumber(token)
"""
_RELEASE = "if redis.call('HGET', KEYS[1], 'holder') == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisBus:
    """Nudges by pub/sub and leases as expiring keys. Nothing is lost with a message: it only says when to look at the log."""

    def __init__(self, address: str, cluster: str) -> None:
        self.address, self.cluster = address, cluster
        self.redis = open_redis(address)
        self._acquire = self.redis.register_script(_ACQUIRE)
        self._release = self.redis.register_script(_RELEASE)
        self.poll_interval = 2.0

    def key(self, *parts: str) -> str:
        """The name of a key of this cluster."""
        return ":".join(("hansa", self.cluster, *parts))

    def nudge(self, revision: int) -> None:
        """Tell the others that there is a new revision."""
        try:
            self.redis.publish(self.key("nudge"), revision)
        except Exception as error:
            log.warning(
                "the nudge for revision %s was not sent, workers will find it by polling: %s",
                revision,
                error,
            )

    def listen(self, wake: Callable[[], None], stopped: threading.Event) -> None:
        """Wake up at every nudge, after every reconnect, and every 2 s anyway, until stopped."""
        while not stopped.is_set():
            try:
                subscription = self.redis.pubsub(ignore_subscribe_messages=True)
                subscription.subscribe(self.key("nudge"))
                wake()
                while not stopped.is_set():
                    subscription.get_message(timeout=min(self.poll_interval, 1.0))
                    wake()
                subscription.close()
            except Exception as error:
                log.warning("no nudges, polling: %s", error)
                wake()
                stopped.wait(self.poll_interval)
                wake()

    def acquire(self, name: str, holder: str, ttl: float) -> int | None:
        """Take or renew a lease for `ttl` seconds; the fencing token if `holder` has it now, else None."""
        keys = [self.key("lease", name), self.key("fence", name)]
        token = int(self._acquire(keys=keys, args=[holder, int(ttl * 1000)]))
        return token or None

    def leases(self, names: Iterable[str]) -> dict[str, tuple[str, int, float]]:
        """Those of these leases that are held: by whom, its fencing token, and the seconds left unless it is renewed."""
        asked = list(names)
        with self.redis.pipeline(transaction=False) as pipe:
            for name in asked:
                key = self.key("lease", name)
                pipe.hmget(key, "holder", "token")
                pipe.pttl(key)
            answers = iter(pipe.execute() if asked else ())
        found = zip(asked, answers, answers, strict=True)
        return {
            name: (holder, int(token), left / 1000)
            for name, (holder, token), left in found
            if holder and left > 0
        }

    def release(self, name: str, holder: str) -> None:
        """Give a lease back, so that another can take it at once."""
        self._release(keys=[self.key("lease", name)], args=[holder])
