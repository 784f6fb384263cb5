"""A redis-py client whose calls end within a deadline, and whose failures name the connection and
say what to do with a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from hansa import HansaError, TimedOut, Unavailable, deadline
from redis import exceptions
from redis.backoff import NoBackoff
from redis.client import Pipeline, PubSub
from redis.connection import parse_url
from redis.retry import Retry

from .address import NO_CLUSTER, is_sentinel, parse_sentinel
from .deadline import Pool, TcpConnection, TlsConnection, UnixConnection
from .sentinel import SentinelConnection, TlsSentinelConnection


class RedisUnavailable(Unavailable, exceptions.ConnectionError):
    """Redis is unreachable or refuses work for now; code that expects redis-py's `ConnectionError`
    finds it too.
    """


class RedisTimedOut(TimedOut, exceptions.TimeoutError):
    """Redis did not answer within the deadline; code that expects redis-py's `TimeoutError` finds
    it too.
    """


def connection_options(address: str) -> dict[str, Any]:
    """Return the class and the options of connections to an address, as pools of redis-py take
    them.
    """
    if is_sentinel(address):
        return _sentinel_options(address)
    target = dict(parse_url(address))  # type: ignore[no-untyped-call]
    target["connection_class"] = CONNECTIONS[urlsplit(address).scheme]
    return target


def _sentinel_options(address: str) -> dict[str, Any]:
    parsed = parse_sentinel(address)
    options: dict[str, Any] = {
        "connection_class": SENTINEL_CONNECTIONS[parsed.scheme],
        "sentinels": parsed.sentinels,
        "service": parsed.service,
        "sentinel_options": parsed.sentinel_options,
        "db": parsed.db,
    }
    if parsed.username:
        options["username"] = parsed.username
    if parsed.password:
        options["password"] = parsed.password
    return options


CONNECTIONS = {"unix": UnixConnection, "rediss": TlsConnection, "redis": TcpConnection}
"""The class of connections by the scheme of the address."""
SENTINEL_CONNECTIONS = {"rediss": TlsSentinelConnection, "redis": SentinelConnection}
"""The class of connections to the primary that Sentinel names, by their scheme."""


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


_BUSY = (
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
)
_SECONDS_LAST = {"BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BZPOPMIN", "BZPOPMAX"}
_SECONDS_FIRST = {"BLMPOP", "BZMPOP"}
_MILLISECONDS_LAST = {"WAIT", "WAITAOF"}
_STREAM_READS = {"XREAD", "XREADGROUP"}


def blocking_seconds(command: Sequence[object]) -> float | None:
    """Return how long a command asks Redis to wait: seconds, 0 for without end; None for a command
    that does not wait.
    """
    words = [_text(word) for word in command]
    name = words[0].upper()
    try:
        if name in _SECONDS_LAST:
            return float(words[-1])
        if name in _SECONDS_FIRST:
            return float(words[1])
        if name in _MILLISECONDS_LAST:
            return float(words[-1]) / 1000
        if name in _STREAM_READS:
            return _block_option(words) / 1000
    except (ValueError, IndexError):
        return None  # not a command that Redis will accept, or one without the option
    return None


def _block_option(words: Sequence[str]) -> float:
    """Return the milliseconds of the option BLOCK; raises ValueError without one."""
    upper = [word.upper() for word in words]
    head = upper[: upper.index("STREAMS")]
    # a group or consumer may be called BLOCK, too; they stand before the options
    start = 4 if upper[0] == "XREADGROUP" else 1
    return float(head[head.index("BLOCK", start) + 1])


def _text(word: object) -> str:
    return word.decode(errors="replace") if isinstance(word, bytes) else str(word)


class Client(redis.Redis):
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
        **options: Any,
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
        self.waiting = redis.Redis(connection_pool=waiting)
        self.waiting.response_callbacks = self.response_callbacks

    @contextmanager
    def call(self, extra: float = 0.0) -> Iterator[None]:
        """Open the deadline of one call, `extra` seconds later than usual, and translate its
        failures.
        """
        with self.translated(extra), deadline(self.timeout + extra):
            yield

    @contextmanager
    def translated(self, extra: float = 0.0) -> Iterator[None]:
        """Turn failures of the connection into errors of Hansa."""
        try:
            yield
        except HansaError:
            raise
        except (exceptions.TimeoutError, TimeoutError) as error:
            raise RedisTimedOut(
                f"{self.name} did not answer within {self.timeout + extra:g} s"
            ) from error
        except exceptions.AuthenticationError as error:
            raise RedisUnavailable(
                f"{self.name} refuses the user name or password: {error}"
            ) from error
        except exceptions.MaxConnectionsError as error:
            raise RedisUnavailable(f"{self.name}: {error}") from error
        except (exceptions.MovedError, exceptions.ClusterCrossSlotError) as error:
            raise RedisUnavailable(f"{self.name} {NO_CLUSTER}") from error
        except _BUSY as error:
            raise RedisUnavailable(f"{self.name} refuses for now: {error}") from error
        except (exceptions.ConnectionError, OSError) as error:
            raise RedisUnavailable(f"{self.name} is not reachable: {error}") from error

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command and return its answer."""
        waits = blocking_seconds(args)
        if waits is None:
            with self.call():
                return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        if waits == 0:
            with self.translated():
                return self.waiting.execute_command(*args, **options)  # type: ignore[no-untyped-call]
        with self.call(waits):
            return self.waiting.execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Return a pipeline, which collects commands; its `execute()` is one call with one
        deadline.
        """
        return _Pipeline(self, transaction, shard_hint)

    def pubsub(self, **options: Any) -> PubSub:
        """Return a subscription, which has a connection of its own."""
        return _Subscription(self, **options)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        if hasattr(self, "waiting"):
            self.connection_pool.disconnect()
            self.waiting.connection_pool.disconnect()


class _Pipeline(Pipeline):
    """A pipeline whose calls keep the deadline."""

    def __init__(self, owner: Client, transaction: bool, shard_hint: str | None) -> None:
        self.owner = owner
        super().__init__(owner.connection_pool, owner.response_callbacks, transaction, shard_hint)

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Run what was collected."""
        with self.owner.call():
            found: list[Any] = super().execute(raise_on_error)
            return found

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
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


class _Subscription(PubSub):
    """A subscription whose failures are translated, and whose commands keep the deadline."""

    def __init__(self, owner: Client, **options: Any) -> None:
        self.owner = owner
        super().__init__(owner.waiting.connection_pool, **options)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Subscribe or unsubscribe."""
        with self.owner.call():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def parse_response(self, block: bool = True, timeout: float = 0) -> Any:
        """Read the next message."""
        with self.owner.translated():
            return super().parse_response(block, timeout)  # type: ignore[no-untyped-call]
