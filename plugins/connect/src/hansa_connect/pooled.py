"""Channels and outgoing connections whose connections to a server are in a pool."""

from __future__ import annotations

import time
from typing import Annotated, Generic, TypeVar

from hansa import Definition, Model, Outgoing, Unavailable, setting

from .pool import Connection, Pool


class PoolSettings(Model):
    """Connection pool.

    How many connections there may be, and how long calls may take.
    """

    max_connections: Annotated[
        int,
        setting("Maximum connections of one worker; calls wait until one is free", ge=1, le=10000),
    ] = 10
    timeout: Annotated[
        float,
        setting(
            "Time limit of a call in seconds, waiting for a connection and connecting included",
            gt=0,
            le=86400,
        ),
    ] = 30.0
    connect_timeout: Annotated[
        float,
        setting(
            "Time limit in seconds for connecting and logging in, as a part of `timeout`",
            gt=0,
            le=3600,
        ),
    ] = 5.0


PooledT = TypeVar("PooledT", bound=PoolSettings)
ConnectionT = TypeVar("ConnectionT", bound=Connection)


class Pooled(Definition[PooledT], Generic[PooledT, ConnectionT]):
    """Mixed into what has a pool of connections; a subclass defines `new_connection`."""

    _pool: Pool[ConnectionT] | None = None

    def new_connection(self) -> ConnectionT:
        """Return a connection that is not open yet."""
        raise NotImplementedError

    @property
    def what(self) -> str:
        """What errors call this definition: `outgoing sql 'orders'`."""
        return f"{self.kind} {self.type} {self.name!r}"

    @property
    def pool(self) -> Pool[ConnectionT]:
        """The pool; raises `Unavailable` before it is opened."""
        if self._pool is None:
            raise Unavailable(f"{self.what} is not started")
        return self._pool

    def open_pool(self) -> None:
        """Open the pool with a first connection; raises if that fails."""
        self._pool = Pool(
            self.what,
            self.new_connection,
            limit=self.config.max_connections,
            timeout=self.config.timeout,
            lost=self.lost,
        )
        self._pool.start()

    def close_pool(self) -> None:
        """Close all connections; may be called more than once, and if none was opened."""
        if self._pool is not None:
            self._pool.close()


class PooledOutgoing(Pooled[PooledT, ConnectionT], Outgoing[PooledT]):
    """Base of outgoing connections over a pool.

    `prepare_server` may do more with the first connection.
    """

    def start(self) -> None:
        """Connect; raises if the server is not there."""
        self.open_pool()
        with self.pool.use() as connection:
            self.prepare_server(connection)

    def prepare_server(self, connection: ConnectionT) -> None:
        """Do what is needed once after connecting; by default nothing."""

    def stop(self) -> None:
        """Close all connections."""
        self.close_pool()

    def ping(self) -> str:
        """Have the server answer and return how long it took.

        Raises `Unavailable` or `TimedOut`.
        """
        began = time.perf_counter()
        with self.pool.use() as connection:
            connection.check()
        milliseconds = (time.perf_counter() - began) * 1000
        return f"answered in {milliseconds:.1f} ms"
