"""The ODB of a cluster: queries, changes of which each is one revision, and the change log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Select, select

from ..contract.records import StoredChange
from . import tables
from .engine import guarded
from .transaction import Change, Reader, Rows, Transaction


class Database:
    """The ODB of a cluster, whose content is the truth; every change has a number, the revision.

    `stored` is called after each change, before its author learns of it, and must not raise.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.stored: Callable[[StoredChange], None] = lambda change: None
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    @guarded
    def rows(self, query: Select[Any]) -> Rows:
        """Return what a query finds; raises `Unavailable`."""
        with self._reading.connect() as connection:
            return list(connection.execute(query))

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Read several times on one connection, outside of a transaction."""
        with self._reading.connect() as connection:
            yield Reader(connection)

    @contextmanager
    def transaction(self, by: str = "") -> Iterator[Transaction]:
        """Change something as one revision, all of it or nothing; `by` is the author for the log."""
        with self.engine.begin() as connection:
            transaction = Transaction(connection, by)
            yield transaction
            transaction.flush()
        self.stored(StoredChange(transaction.revision, by, tuple(transaction.actions)))

    def revision(self) -> int:
        """Return the newest revision."""
        (row,) = self.rows(select(tables.cluster))
        return int(row.revision)

    def changes(self, after: int) -> list[Change]:
        """Return the change log after a revision, in order."""
        c = tables.change.c
        query = select(c.revision, c.kind, c.type, c.name, c.action).where(c.revision > after)
        ordered = query.order_by(c.revision, c.kind, c.type, c.name)
        return [
            Change(row.revision, row.kind, row.type, row.name, row.action)
            for row in self.rows(ordered)
        ]

    @guarded
    def log_action(self, kind: str, name: str, action: str, *, by: str = "") -> int:
        """Write a change that concerns no definition, such as a blocked plugin; returns its
        revision.
        """
        with self.transaction(by) as transaction:
            transaction.log((kind, "", name), action)
            return transaction.revision

    def blocked_plugins(self) -> set[str]:
        """Return the plugins that were blocked while servers ran, without those of config.toml."""
        c = tables.change.c
        decisions = select(c.name, c.action).where(
            c.kind == "plugin", c.action.in_(("block", "unblock"))
        )
        last = {row.name: row.action for row in self.rows(decisions.order_by(c.revision))}
        return {name for name, action in last.items() if action == "block"}
