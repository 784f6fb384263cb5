"""The cluster's bus over Redis: nudges by publish and subscribe, leases as expiring keys, and small
records.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import cast
from urllib.parse import quote

from hansa import Bus, HeldLease, Unavailable
from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from .address import is_cluster, parse_cluster, with_hash_tag
from .client import connection_options
from .cluster import ClusterClient
from .pools import LastGivenBack
from .records import RedisRecords
from .slot import Following

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
_POST = """
local left = redis.call('PTTL', KEYS[1])
redis.call('RPUSH', KEYS[1], ARGV[1])
if left < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
"""
TIMEOUT = 3.0
"""Seconds that one call may take."""
MAIL_WAIT = 2.0
"""Seconds for which a message is waited for at a time: less than a call may take."""
MOST_AT_ONCE = 100
"""Messages that are taken out of a mailbox at a time."""
NUDGE_WAIT = 1.0
"""Seconds for which a subscription waits for a nudge before changes are looked for anyway."""


def open_redis(address: str) -> Redis:
    """Return a redis-py client for an address of any form that `address` describes, whose calls
    end within 3 seconds.

    It connects when it is first used, and decodes answers as text. In a Redis Cluster it reaches
    the keys with the hash tag of the address.
    """
    pool = LastGivenBack(
        decode_responses=True,
        protocol=2,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=2,
        # an idle connection that was closed is opened again; a Redis that does not answer in time
        # is not asked twice
        retry=Retry(NoBackoff(), 1, (exceptions.ConnectionError,)),
        **connection_options(address),
    )
    return Following(connection_pool=pool)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn what a Redis that does not answer raises into `Unavailable`."""
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        raise Unavailable(f"the cluster's Redis does not answer: {error}") from error


class WholeCluster(ClusterClient):
    """A client for all keys of a Redis Cluster, which raises redis-py's errors: of what the bus
    hands out, `Unavailable` would say that there is no Redis.
    """

    @contextmanager
    def translated(self, extra: float = 0.0) -> Iterator[None]:
        """Turn what is no `RedisError` into one, where no node answers."""
        try:
            yield
        except TimeoutError as error:
            raise exceptions.TimeoutError(str(error)) from error
        except exceptions.RedisClusterException as error:
            if error.__cause__ is None:
                raise
            raise exceptions.ConnectionError(str(error)) from error


class RedisBus(Bus):
    """The bus of the cluster named `cluster` over the Redis at `address`; changes are also polled
    for every 2 seconds.

    `poll_interval` is the pause in seconds between polls while Redis does not answer. In a Redis
    Cluster all keys of `key` carry one hash tag, so that one node holds them; on a single Redis
    they have no tag, as ever.
    """

    def __init__(self, address: str, cluster: str) -> None:
        self._spread = is_cluster(address)
        tag = quote(cluster, safe=" ")
        self._address = with_hash_tag(address, tag) if self._spread else address
        self._root = ("hansa", f"{{{tag}}}" if self._spread else cluster)
        self._client = open_redis(self._address)
        self._acquire = self._client.register_script(_ACQUIRE)
        self._release = self._client.register_script(_RELEASE)
        self._post = self._client.register_script(_POST)
        self.cluster = cluster
        self.poll_interval = 2.0

    @property
    def address(self) -> str:
        """The URL of the Redis, with its password: not for logs."""
        return self._address

    @property
    def redis(self) -> Redis:
        """A redis-py client that decodes answers as text; its calls end within 3 seconds.

        In a Redis Cluster it reaches the keys of all slots. Raises redis-py's `ConnectionError` if
        no node answers when it is first asked for.
        """
        return self._whole_cluster if self._spread else self._client

    @cached_property
    def _whole_cluster(self) -> Redis:
        made = WholeCluster(
            "the cluster's Redis",
            parse_cluster(self._address),
            timeout=TIMEOUT,
            max_connections=64,
            decode_responses=True,
        )
        # RedisCluster has the commands of Redis, and is none of its subclasses
        return cast(Redis, made)

    def key(self, *parts: str) -> str:
        """Return the name of a Redis key of this cluster."""
        return ":".join((*self._root, *parts))

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
        """Call `wake` at every nudge, and after every reconnect, until stopped."""
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
            nudge = subscription.get_message(timeout=min(self.poll_interval, NUDGE_WAIT))
            if nudge is not None:
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

    def post(self, mailbox: str, message: bytes, seconds: float) -> None:
        """Put a message at the end of a list that expires; raises `Unavailable`."""
        key = self.key("mail", mailbox)
        with _answering():
            self._post(keys=[key], args=[message, int(seconds * 1000)])

    def collect(self, mailbox: str, wait: float) -> list[bytes]:
        """Take messages out of a list, and wait for the first for up to 2 seconds; raises
        `Unavailable`.
        """
        key = self.key("mail", mailbox)
        with _answering():
            found = self._client.lpop(key, MOST_AT_ONCE)
            if not found and wait > 0:
                # 0 would be for ever
                first = self._client.blpop([key], max(min(wait, MAIL_WAIT), 0.01))
                found = [first[1]] if first else []
        return [str(text).encode() for text in found or []]

    def records(self, namespace: str) -> RedisRecords:
        """Return records of the whole cluster; each is a key that `key` names, of the namespace and
        its name.
        """
        return RedisRecords(self._client, self.key(namespace))
