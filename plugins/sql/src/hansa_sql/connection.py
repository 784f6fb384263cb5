"""One connection of the pool to a database."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hansa import TimedOut, Unavailable, call_within
from hansa_connect.remedies import advised
from hansa_connect.sockets import is_silent, shut_down
from sqlalchemy import Connection, Engine

from .settings import DatabaseSettings
from .statements import Statements


class SqlConnection(Statements):
    """A connection as `hansa_connect.pool` wants it; for services a transaction.

    Its statements all happen or none.
    """

    def __init__(self, engine: Engine, what: str, config: DatabaseSettings) -> None:
        self.max_rows = config.max_rows
        self.ends = 0.0
        self._engine = engine
        self._what = what
        self._connect_timeout = config.connect_timeout
        self._opened: Connection | None = None
        self._driver: Any = None
        self._failed = False

    @property
    def opened(self) -> Connection:
        """The connection of SQLAlchemy; raises `Unavailable` before `open`."""
        if self._opened is None:
            raise Unavailable(f"{self._what} is not connected")
        return self._opened

    def open(self, timeout: float) -> None:
        """Connect and log in."""
        seconds = min(timeout, self._connect_timeout)
        try:
            self._opened = call_within(seconds, self._what, self._engine.connect, Connection.close)
        except TimedOut as error:
            remedy = "check the settings engine, host and port"
            raise TimedOut(advised(error.detail, remedy)) from error
        self._driver = self._opened.connection.dbapi_connection

    @property
    def broken(self) -> bool:
        """Whether it cannot be used any more."""
        opened = self._opened
        return self._failed or opened is None or opened.closed or opened.invalidated

    @broken.setter
    def broken(self, failed: bool) -> None:
        self._failed = failed

    def alive(self) -> bool:
        """Return whether the database has not closed it."""
        if self.broken:
            return False
        descriptor = self._descriptor()
        return descriptor is None or is_silent(descriptor)

    def check(self) -> None:
        """Have the database answer."""
        with self.opened.begin():
            self.opened.dialect.do_ping(self._driver)

    def close(self) -> None:
        """Close it."""
        if self._opened is not None:
            self._opened.close()

    def abort(self) -> None:
        """Make the statement fail that is under way."""
        if self.broken:
            return
        with contextlib.suppress(
            self._engine.dialect.loaded_dbapi.Error
        ):  # it has just been closed
            descriptor = self._descriptor()
            if descriptor is not None:
                shut_down(descriptor)
            elif hasattr(self._driver, "interrupt"):  # SQLite
                self._driver.interrupt()
            else:  # Oracle
                self._driver.cancel()

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend the connection of SQLAlchemy, in the transaction that there is."""
        return nullcontext(self.opened)

    def _descriptor(self) -> int | None:
        """Return the file descriptor of the socket, None for a driver that does not show it."""
        holder = self._driver
        if not hasattr(holder, "fileno"):
            holder = getattr(holder, "_sock", None)
        return holder.fileno() if holder is not None else None
