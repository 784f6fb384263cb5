"""A redis-py client for one Redis, or one slot of a Redis Cluster, whose calls end within a deadline,
and whose failures name the connection and say what to do with a message.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import redis
from hansa import HansaError, deadline
from redis import exceptions
from redis.backoff import NoBackoff
from redis.client import Pipeline, PubSub
from redis.connection import parse_url
from redis.retry import Retry

from .address import is_cluster, is_sentinel, parse_cluster, parse_sentinel
from .calls import Calls, RedisTimedOut, RedisUnavailable, moved
from .deadline import TcpConnection, TlsConnection, UnixConnection
from .pools import Pool
from .sentinel import SentinelConnection, TlsSentinelConnection
from .slot import Following, SlotConnection, TlsSlotConnection, slot_of
from .untyped import Answer, Argument, Option

__all__ = [
    "CONNECTIONS",
    "Client",
    "RedisTimedOut",
    "RedisUnavailable",
    "Subscription",
    "connection_options",
    "login_options",
    "open_client",
]

CONNECTIONS: dict[str, type] = {
    "unix": UnixConnection,
    "rediss": TlsConnection,
    "redis": TcpConnection,
}
"""The class of connections by the scheme of the address."""
SENTINEL_CONNECTIONS = {"rediss": TlsSentinelConnection, "redis": SentinelConnection}
"""The class of connections to the primary that Sentinel names, by their scheme."""
SLOT_CONNECTIONS = {"rediss": TlsSlotConnection, "redis": SlotConnection}
"""The class of connections to the node that holds a slot, by their scheme."""


def connection_options(address: str) -> dict[str, Option]:
    """Return the class and the options of connections to an address, as pools of redis-py take
    them; those to a Redis Cluster lead to the node that holds the slot of its hash tag.
    """
    if is_sentinel(address):
        return _sentinel_options(address)
    if is_cluster(address):
        return _slot_options(address)
    target = dict(parse_url(address))  # type: ignore[no-untyped-call]
    target["connection_class"] = CONNECTIONS[urlsplit(address).scheme]
    return target


def login_options(username: str, password: str) -> dict[str, str]:
    """Return the options of connections for a login; what is empty is left out."""
    login = {"username": username, "password": password}
    return {name: value for name, value in login.items() if value}


def _sentinel_options(address: str) -> dict[str, Option]:
    parsed = parse_sentinel(address)
    return {
        "connection_class": SENTINEL_CONNECTIONS[parsed.scheme],
        "sources": parsed.sentinels,
        "source_options": parsed.sentinel_options,
        "service": parsed.service,
        "db": parsed.db,
        **parsed.tls_options,
        **login_options(parsed.username, parsed.password),
    }


def _slot_options(address: str) -> dict[str, Option]:
    parsed = parse_cluster(address)
    common = {**parsed.tls_options, **login_options(parsed.username, parsed.password)}
    return {
        "connection_class": SLOT_CONNECTIONS[parsed.scheme],
        "sources": parsed.nodes,
        "source_options": common,
        "slot": slot_of(parsed.hash_tag),
        **common,
    }


def open_client(address: str, name: str, *, timeout: float, max_connections: int = 64) -> Client:
    """Return a client for bytes of the Redis at an address of any form that `address` describes.

    It connects when it is first used; `name` names it in errors, `timeout` is in seconds for a
    whole call.
    """
    return Client(
        name,
        timeout=timeout,
        max_connections=max_connections,
        decode_responses=False,
        protocol=2,
        **connection_options(address),
    )


class Client(Calls, Following):
    """A client for services, safe in many threads, whose calls each end within `timeout` seconds.

    It repeats no command by itself: one that ran without its answer arriving would run twice.
    Commands that wait (BLPOP, XREAD with BLOCK ...) and subscriptions use connections of their own,
    and may take the time they ask for besides `timeout`. Raises `RedisUnavailable`,
    `RedisTimedOut`, and redis-py's `ResponseError` for a command that Redis refuses for good.
    """

    def __init__(
        self,
        name: str,
        *,
        connection_class: type,
        timeout: float,
        max_connections: int,
        **options: Option,
    ) -> None:
        self.name = name
        self.timeout = timeout
        options.update(
            connection_class=connection_class,
            retry=Retry(NoBackoff(), 0),
            max_connections=max_connections,
        )
        options["socket_connect_timeout"] = timeout
        pool = Pool(timeout=timeout, socket_timeout=timeout, **options)  # type: ignore[no-untyped-call]
        super().__init__(connection_pool=pool)
        waiting = Pool(timeout=timeout, socket_timeout=None, **options)  # type: ignore[no-untyped-call]
        self._waiting = Following(connection_pool=waiting)
        self._waiting.response_callbacks = self.response_callbacks

    @property
    def waiting(self) -> redis.Redis:
        """The client, with connections of its own, for commands that wait."""
        return self._waiting

    def send(self, *args: Argument, **options: Option) -> Answer:
        """Run one command that does not wait, as redis-py runs it."""
        return Following.execute_command(self, *args, **options)

    def meaning_of_cluster(self, error: exceptions.ResponseError) -> HansaError | None:
        """Return the error of Hansa for what only nodes of a Redis Cluster answer."""
        if issubclass(self.connection_pool.connection_class, SlotConnection):
            return moved(self.name, error)
        return super().meaning_of_cluster(error)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Return a pipeline, which collects commands; its `execute()` is one call with one
        deadline.
        """
        return _Pipeline(self, transaction, shard_hint)

    def pubsub(self, **options: Option) -> PubSub:
        """Return a subscription, which has a connection of its own."""
        return Subscription(self, connection_pool=self.waiting.connection_pool, **options)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        if hasattr(self, "_waiting"):
            self.connection_pool.disconnect()
            self._waiting.connection_pool.disconnect()


class _Pipeline(Pipeline):
    """A pipeline whose calls keep the deadline."""

    def __init__(self, owner: Client, transaction: bool, shard_hint: str | None) -> None:
        self.owner = owner
        super().__init__(owner.connection_pool, owner.response_callbacks, transaction, shard_hint)

    def execute(self, raise_on_error: bool = True) -> list[Answer]:
        """Run what was collected."""
        with self.owner.call():
            found: list[Answer] = super().execute(raise_on_error)
            return found

    def immediate_execute_command(self, *args: Argument, **options: Option) -> Answer:
        """Run one command at once, as after WATCH."""
        with self.owner.call():
            return super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def reset(self) -> None:  # type: ignore[override]  # redis-py's says nothing
        """Return the connection to the pool, also when it is dead."""
        try:
            with deadline(self.owner.timeout):
                super().reset()
        except (exceptions.RedisError, OSError):
            # the base class gives up before the connection is back in the pool, which would be one
            # less for good
            if self.connection is not None:
                self.connection.disconnect()  # type: ignore[no-untyped-call]
            self.watching = False
            super().reset()


class Subscription(PubSub):
    """A subscription whose failures are translated, and whose commands keep the deadline."""

    def __init__(self, owner: Calls, **options: Option) -> None:
        self.owner = owner
        super().__init__(**options)

    def execute_command(self, *args: Argument, **options: Option) -> Answer:
        """Subscribe or unsubscribe."""
        with self.owner.call():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def parse_response(self, block: bool = True, timeout: float = 0) -> Answer:
        """Read the next message."""
        with self.owner.translated():
            return super().parse_response(block, timeout)  # type: ignore[no-untyped-call]
