"""What channels and outgoing connections over a pool have in common: they start and stop it, and ping its connections."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from hansa import Outgoing, Unavailable

from .pool import Pool


class Pooled:
    """Mixed into types whose Config has the settings `timeout` and `max_connections`: a subclass says how a connection is made."""

    kind: ClassVar[str]
    type: ClassVar[str]
    name: str
    config: Any
    lost: Any
    _pool: Pool[Any] | None = None

    def new_connection(self) -> Any:
        """A connection as `hansa_connect.pool` wants it, not open yet."""
        raise NotImplementedError

    @property
    def what(self) -> str:
        """What errors call it."""
        return f"{self.kind} {self.type} {self.name!r}"

    @property
    def pool(self) -> Pool[Any]:
        """The pool; raises `Unavailable` when it is not open."""
        if self._pool is None:
            raise Unavailable(f"{self.what} is not started")
        return self._pool

    def open_pool(self) -> None:
        """Open a first connection; raises if that fails."""
        limits = {"limit": self.config.max_connections, "timeout": self.config.timeout}
        self._pool = Pool(self.what, self.new_connection, lost=self.lost, **limits)
        self._pool.start()

    def close_pool(self) -> None:
        """Close all connections; more than once, and also if none was opened."""
        if self._pool is not None:
            self._pool.close()


class PooledOutgoing(Pooled, Outgoing):
    """Base of outgoing connections over a pool; `began` may do more with the first connection."""

    def start(self) -> None:
        """Connect; raises if the other side is not there."""
        self.open_pool()
        with self.pool.use() as connection:
            self.began(connection)

    def began(self, connection: Any) -> None:
        """Do what is to be done once after connecting; by default nothing."""

    def stop(self) -> None:
        """Close all connections."""
        self.close_pool()

    def ping(self) -> str:
        """Have the other side answer; raises `Unavailable` or `TimedOut`."""
        begin = time.perf_counter()
        with self.pool.use() as connection:
            connection.check()
        return f"answered in {(time.perf_counter() - begin) * 1000:.1f} ms"
