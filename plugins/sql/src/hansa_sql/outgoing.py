"""The outgoing connection sql: a pool of connections to a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from hansa_connect.login import LoggedIn
from hansa_connect.pooled import PooledOutgoing
from sqlalchemy import Connection, event

from .connection import SqlConnection
from .engine import open_engine, translate
from .results import skip_empty_sets
from .settings import DatabaseSettings
from .statements import Statements

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class SqlOutgoing(
    Statements, LoggedIn[DatabaseSettings], PooledOutgoing[DatabaseSettings, SqlConnection]
):
    """A database, as `self.outgoing.sql["name"]`; safe in many threads.

    Each call is a transaction; `transaction()` and `session()` hold several statements together.
    All of them end within `timeout` seconds, or those they are given. They raise `TimedOut` and
    `Unavailable`, which name the connection; what the database refuses is an exception of
    SQLAlchemy. `engine` is that of SQLAlchemy, without the pool.
    """

    type = "sql"
    login_means = ("password", "certificate")

    def start(self) -> None:
        """Open the pool and see that the database answers; raises `Unavailable` or `TimedOut`."""
        self.engine = open_engine(self.connection_config, self.server.dir)
        self.max_rows = self.config.max_rows
        event.listen(self.engine, "handle_error", partial(translate, self.what, self.config.tls))
        event.listen(self.engine, "after_cursor_execute", skip_empty_sets)
        super().start()

    def new_connection(self) -> SqlConnection:
        """Return a connection that is not open yet."""
        return SqlConnection(self.engine, self.what, self.config)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection of SQLAlchemy, in a transaction that ends with the block."""
        with self.observed(), self.pool.use() as used, used.opened.begin():
            yield used.opened

    @contextmanager
    def transaction(self, timeout: float | None = None) -> Iterator[Statements]:
        """Begin a transaction: the statements of the block all happen or none."""
        with self.observed(), self.pool.use(timeout) as used, used.opened.begin():
            if self.engine.dialect.name == "sqlite":
                # else what was read may change before it is written
                used.opened.exec_driver_sql("BEGIN IMMEDIATE")
            yield used

    @contextmanager
    def autocommit(self, timeout: float | None = None) -> Iterator[Statements]:
        """Lend a connection without a transaction, for statements that cannot run in one, such as
        VACUUM, CREATE INDEX CONCURRENTLY, and procedures that commit: each takes effect by itself.
        """
        with self.observed(), self.pool.use(timeout) as used:
            opened = used.opened
            usual = opened.default_isolation_level or "READ COMMITTED"
            opened.execution_options(isolation_level="AUTOCOMMIT")
            try:
                with opened.begin():
                    yield used
            finally:
                if not used.broken:
                    opened.execution_options(isolation_level=usual)

    @contextmanager
    def session(self, timeout: float | None = None, **options: Any) -> Iterator[Session]:
        """Begin a session of SQLAlchemy's ORM; what the block does not commit is rolled back."""
        # a worker whose services use none saves the memory
        from sqlalchemy.orm import Session

        with (
            self.observed(),
            self.pool.use(timeout) as used,
            Session(used.opened, **options) as session,
        ):
            yield session
