"""The type `outgoing redis`: a connection to Redis or Valkey, used by services as
`self.outgoing.redis["NAME"]`.
"""

from __future__ import annotations

import time
from typing import Annotated

from hansa import Outgoing, Unavailable, setting
from redis.exceptions import ResponseError

from .address import is_cluster, parse_cluster
from .calls import RedisTimedOut, RedisUnavailable
from .client import Client
from .cluster import ClusterClient
from .connecting import RedisConnecting, RedisSettings
from .untyped import Answer, Option


class RedisConfig(RedisSettings):
    """Redis server.

    Where a Redis or Valkey is, and how to talk to it.
    """

    max_connections: Annotated[
        int, setting("Maximum connections of one worker; calls wait for a free one", ge=1, le=10000)
    ] = 20
    decode: Annotated[bool, setting("Return text (UTF-8) instead of bytes")] = True


class RedisOutgoing(RedisConnecting[RedisConfig], Outgoing[RedisConfig]):
    """A connection to Redis or Valkey.

    `client` is a redis-py client, whose commands can also be called on the connection itself; that
    of a Redis Cluster is a `RedisCluster`.
    """

    type = "redis"

    _client: Client | ClusterClient | None = None

    @property
    def client(self) -> Client | ClusterClient:
        """The redis-py client, safe in many threads; raises `Unavailable` when the connection is
        not started.
        """
        if self._client is None:
            raise Unavailable(f"{self.what} is not started")
        return self._client

    def start(self) -> None:
        """Open the pool and check that Redis answers; raises `Unavailable` or `TimedOut`."""
        self._client = self._open()
        try:
            self._client.ping()
        except (RedisTimedOut, RedisUnavailable, ResponseError) as error:
            advised = self.advised(error)
            if advised is error:
                raise
            raise advised from error.__cause__

    def stop(self) -> None:
        """Close all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def ping(self) -> str:
        """Ask for a PONG and return how long it took; raises `Unavailable` or `TimedOut`."""
        began = time.perf_counter()
        self.client.ping()
        milliseconds = (time.perf_counter() - began) * 1000
        return f"PONG in {milliseconds:.1f} ms"

    def execute(self, *command: object) -> Answer:
        """Run any command, given as its words, and return its answer: `execute("SET", "key",
        "value")`.
        """
        return self.client.execute_command(*command)

    def open_plain(self) -> Client | ClusterClient:
        """Return a client of its own, to be closed by the caller, whose answers are, but in a Redis
        Cluster, as Redis sends them.
        """
        client = self._open()
        if isinstance(client, Client):
            client.response_callbacks.clear()
        return client

    def __getattr__(self, name: str) -> Answer:
        """Return a method of redis-py's client that has no other meaning here: get, set, hset,
        pipeline, pubsub, lock ...
        """
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.client, name)

    def _open(self) -> Client | ClusterClient:
        config = self.config
        name = self.what
        address = self.address
        if is_cluster(address):
            return self._open_cluster(name, address)
        return Client(
            name,
            timeout=config.timeout,
            max_connections=config.max_connections,
            decode_responses=config.decode,
            protocol=2,
            **self.target(address),
        )

    def _open_cluster(self, name: str, address: str) -> ClusterClient:
        config = self.config
        if config.db and not config.address:
            raise Unavailable(f"{name}: a Redis Cluster has only the database 0")
        parsed = parse_cluster(address)
        options: dict[str, Option] = self.login()
        if parsed.scheme == "rediss":
            options.update(self.tls_options())
        return ClusterClient(
            name,
            parsed,
            timeout=config.timeout,
            max_connections=config.max_connections,
            decode_responses=config.decode,
            **options,
        )
