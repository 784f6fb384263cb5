"""The cluster's bus over Redis: nudges by publish and subscribe, leases as expiring keys, and small
records.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from hansa import Bus, HeldLease
from redis import ConnectionError as RedisConnectionError, ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .client import connection_options
from .records import RedisRecords

log = logging.getLogger("hansa.redis")

_ACQUIRE = """
local holder = redis.call('HGET', KEYS[1], 'holder')
if holder and holder ~= ARGV[1] then return 0 end
local token = redis.call('HGET', KEYS[1], 'token')
if not holder then token = redis.call('INCR', KEYS[2]) end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'token', token)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return tonumber(token)
"""
_RELEASE = """
if redis.call('HGET', KEYS[1], 'holder') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
NUDGE_WAIT = 1.0
"""Seconds for which a subscription waits for a nudge before changes are looked for anyway."""


def open_redis(address: str) -> Redis:
    """Return a redis-py client for an address of any form that `address` describes, whose calls
    end within 3 seconds.

    It connects when it is first used, and decodes answers as text.
    """
    pool = ConnectionPool(
        decode_responses=True,
        protocol=2,
        socket_timeout=3,
        socket_connect_timeout=2,
        # an idle connection that was closed is opened again; a Redis that does not answer in time
        # is not asked twice
        retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
        **connection_options(address),
    )
    return Redis(connection_pool=pool)


class RedisBus(Bus):
    """The bus of the cluster named `cluster` over the Redis at `address`; changes are also polled
    for every 2 seconds.

    `poll_interval` is the pause in seconds between polls while Redis does not answer.
    """

    def __init__(self, address: str, cluster: str) -> None:
        self._address = address
        self._client = open_redis(address)
        self._acquire = self._client.register_script(_ACQUIRE)
        self._release = self._client.register_script(_RELEASE)
        self.cluster = cluster
        self.poll_interval = 2.0

    @property
    def address(self) -> str:
        """The URL of the Redis, with its password: not for logs."""
        return self._address

    @property
    def redis(self) -> Redis:
        """A redis-py client that decodes answers as text; its calls end within 3 seconds."""
        return self._client

    def key(self, *parts: str) -> str:
        """Return the name of a Redis key of this cluster."""
        return ":".join(("hansa", self.cluster, *parts))

    def nudge(self, revision: int) -> None:
        """Tell the other workers that there is a new revision; a failure is logged, since they poll
        as well.
        """
        try:
            self._client.publish(self.key("nudge"), revision)
        except Exception as error:
            log.warning(
                "the nudge for revision %s was not sent; workers will find it by polling: %s",
                revision,
                error,
            )

    def listen(self, wake: Callable[[], None], stopped: threading.Event) -> None:
        """Call `wake` at every nudge, after every reconnect, and at least every 2 seconds, until
        stopped.
        """
        while not stopped.is_set():
            try:
                self._subscribe(wake, stopped)
            except Exception as error:
                log.warning("nudges cannot be received, polling instead: %s", error)
                wake()
                stopped.wait(self.poll_interval)
                wake()

    def _subscribe(self, wake: Callable[[], None], stopped: threading.Event) -> None:
        subscription = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        subscription.subscribe(self.key("nudge"))
        wake()
        while not stopped.is_set():
            subscription.get_message(timeout=min(self.poll_interval, NUDGE_WAIT))
            wake()
        subscription.close()

    def acquire(self, name: str, holder: str, ttl: float) -> int | None:
        """Take or renew a lease for `ttl` seconds: its fencing token if `holder` has it now, else
        None.
        """
        keys = [self.key("lease", name), self.key("fence", name)]
        token = int(self._acquire(keys=keys, args=[holder, int(ttl * 1000)]))
        return token or None

    def release(self, name: str, holder: str) -> None:
        """Give a lease back, so that another holder can take it at once."""
        self._release(keys=[self.key("lease", name)], args=[holder])

    def leases(self, names: Iterable[str]) -> dict[str, HeldLease]:
        """Return those of these leases that are held."""
        asked = list(names)
        if not asked:
            return {}
        with self._client.pipeline(transaction=False) as pipe:
            for name in asked:
                key = self.key("lease", name)
                pipe.hmget(key, ["holder", "token"])
                pipe.pttl(key)
            answers = pipe.execute()
        found: dict[str, HeldLease] = {}
        for name, (holder, token), left in zip(asked, answers[::2], answers[1::2], strict=True):
            if holder and left > 0:
                found[name] = HeldLease(holder, int(token), left / 1000)
        return found

    def records(self, namespace: str) -> RedisRecords:
        """Return records of the whole cluster; each is a key `hansa:CLUSTER:NAMESPACE:NAME`."""
        return RedisRecords(self._client, self.key(namespace))
