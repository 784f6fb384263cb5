"""A limit for every wait of a psycopg connection, which psycopg itself does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry


def limit_waits(engine: Engine, seconds: float) -> None:
    """Have connections of an engine give up a server that is there and does not answer in time."""

    class LimitedConnection(psycopg.Connection[Any]):
        """A connection whose waits end."""

        def wait(
            self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = seconds
        ) -> RV:
            """Wait for the server; raises `psycopg.OperationalError` when the time is over."""
            try:
                return super().wait(gen, interval, timeout)
            except psycopg.OperationalError as error:
                if not error.sqlstate:
                    # the server did not report it, so that nobody knows what the connection does
                    self.pgconn.finish()
                raise

    def connect(
        dialect: Dialect,
        record: ConnectionPoolEntry,
        arguments: Sequence[Any],
        options: Mapping[str, Any],
    ) -> LimitedConnection:
        return LimitedConnection.connect(*arguments, **options)

    event.listen(engine, "do_connect", connect)
