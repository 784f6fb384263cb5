"""What the plugin sql gives to Hansa: `outgoing sql`, a pool of connections, and `channel sql`, which polls a query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

from hansa import Invalid, hookimpl, setting
from hansa_connect.pooled import PooledOutgoing
from hansa_connect.records import Record, Records, RecordsChannel
from sqlalchemy import Connection, event

from .database import Database, open_engine, translate
from .statements import SqlConnection, Statements, prepared


class SqlOutgoing(Statements, PooledOutgoing):
    """A database: `self.outgoing.sql["NAME"]`. Each call is a transaction; `transaction()` and `session()` hold several together.

    All of them end within `timeout` seconds, or those they are given. They raise `TimedOut` and `Unavailable`, which name the
    connection; what the database refuses is an exception of SQLAlchemy. `engine` is that of SQLAlchemy, without the pool.
    """

    type, Config = "sql", Database

    def start(self) -> None:
        """Open the pool and see that the database answers; raises `Unavailable`, `TimedOut`."""
        self.engine, self.max_rows = open_engine(self.config, self.server.dir), self.config.max_rows
        event.listen(self.engine, "handle_error", partial(translate, self.what))
        super().start()

    def new_connection(self) -> SqlConnection:
        """A connection for the pool."""
        return SqlConnection(self.engine, self.what, self.config)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection of SQLAlchemy, in a transaction that ends with the block."""
        with self.pool.use() as used, used.opened.begin():
            yield used.opened

    @contextmanager
    def transaction(self, timeout: float | None = None) -> Iterator[Statements]:
        """Several statements that all happen or none."""
        with self.pool.use(timeout) as used, used.opened.begin():
            if self.engine.dialect.name == "sqlite":
                used.opened.exec_driver_sql(
                    "BEGIN IMMEDIATE"
                )  # else what was read may change before it is written
            yield used

    @contextmanager
    def session(self, timeout: float | None = None, **options: Any) -> Iterator[Any]:
        """A session of SQLAlchemy's ORM; what it does not commit is rolled back at the end of the block."""
        from sqlalchemy.orm import (
            Session,  # lazy: a worker whose services use none saves the memory
        )

        with self.pool.use(timeout) as used, Session(used.opened, **options) as session:
            yield session


class Query(Records):
    """What is polled, and what becomes of rows."""

    connection: Annotated[
        str, setting("Outgoing SQL connection to use", refers="outgoing sql", min_length=1)
    ]
    query: Annotated[
        str,
        setting("Query, oldest rows first; :mark is that of the last row handled", multiline=True),
    ]
    on_success: Annotated[
        str, setting("Statement for each row handled; :NAME is its column", multiline=True)
    ] = ""
    on_failure: Annotated[str, setting("Statement for each row given up", multiline=True)] = ""

    def check(self) -> None:
        """Refuse a query that would give the same rows for ever, or cannot be asked; raises `Invalid`."""
        if (names := prepared(self.query)[1]) != {"mark"} and (
            names or not (self.on_success and self.on_failure)
        ):
            raise Invalid(
                {
                    "query": "must have :mark, or on_success and on_failure be set: else rows come again"
                }
            )


class SqlChannel(RecordsChannel):
    """Polls a query; the service gets a row as plain data, by name of column, or with `batch` a list of rows."""

    type, Config = "sql", Query

    def connect(self) -> None:
        """See that the database is there, and how far the query was read."""
        self._source().ping()
        self.ordered = "mark" in prepared(self.config.query)[1]
        super().connect()

    def fetch(self, mark: Any) -> list[Record]:
        """The rows after the mark."""
        return self._source().rows(
            self.config.query, {"mark": mark} if self.ordered else {}, self.config.max_records
        )

    def tell(self, records: list[Record], handled: bool) -> None:
        """Run the statement for rows that were handled, or that were given up."""
        if statement := self.config.on_success if handled else self.config.on_failure:
            with self._source().transaction() as transaction:
                for row in records:
                    transaction.execute(
                        statement,
                        **{name: row[name] for name in prepared(statement)[1] & row.keys()},
                    )

    def _source(self) -> SqlOutgoing:
        return self.server.outgoing.sql[self.config.connection]  # type: ignore[no-any-return]


@hookimpl
def hansa_transports() -> list[type[Any]]:
    """Give both types."""
    return [SqlChannel, SqlOutgoing]
