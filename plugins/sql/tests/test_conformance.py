"""Both types hold their contracts, on real PostgreSQL and MariaDB servers behind a proxy that can
be cut, and on SQLite.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from hansa import TimedOut
from hansa_devkit import ChannelContract, LocalServer, OutgoingContract
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.waiting import wait_until
from hansa_sql.channel import SqlChannel
from hansa_sql.outgoing import SqlOutgoing

from plugins.sql.tests.support import BYTES, KEY, SERVERS, make, new_database


class Behind:
    """The database of a test, behind a proxy if it is a server."""

    engine = ""

    @pytest.fixture(autouse=True)
    def database(self, real_server, tmp_path):
        cls = SERVERS[self.engine]
        if cls is None:
            self.place = new_database(real_server, self.engine, tmp_path)
            yield
            return
        with Proxy(real_server(cls).port) as self.proxy:
            self.place = new_database(real_server, self.engine, tmp_path, self.proxy.port)
            yield

    def peer_down(self) -> None:
        if self.engine == "sqlite":
            pytest.skip("SQLite has no peer")
        self.proxy.mode = "refuse"

    def peer_up(self) -> None:
        self.proxy.mode = "pass"


class Outgoing(Behind, OutgoingContract):
    cls = SqlOutgoing

    def settings(self) -> dict[str, Any]:
        return {**self.place, "max_connections": 4}

    def use(self, outgoing: Any) -> None:
        assert outgoing.one("SELECT 2 + :n AS found", n=3) == {"found": 5}

    @contextmanager
    def peer_hangs(self):
        if self.engine == "sqlite":
            pytest.skip("SQLite has no peer")
        self.proxy.mode = "drop"
        try:
            yield
        finally:
            self.proxy.mode = "pass"


class TestOutgoingPostgreSQL(Outgoing):
    engine = "postgresql"


class TestOutgoingMariaDB(Outgoing):
    engine = "mariadb"


class TestOutgoingSQLite(Outgoing):
    engine = "sqlite"


class Channel(Behind, ChannelContract):
    cls = SqlChannel
    good = {
        "connection": "db",
        "query": "SELECT id, body FROM inbox WHERE done = 0 ORDER BY id",
        "on_success": "UPDATE inbox SET done = 1 WHERE id = :id",
        "on_failure": "UPDATE inbox SET done = 2 WHERE id = :id",
        "interval": 0.05,
    }

    @pytest.fixture(autouse=True)
    def table(self, database):
        self.outgoing = make(LocalServer(), **{**self.place, "timeout": 5, "connect_timeout": 3})
        wait_until(self.is_started)
        self.outgoing.execute(
            f"CREATE TABLE inbox (id {KEY[self.engine]}, body {BYTES[self.engine]},"
            " done INTEGER NOT NULL DEFAULT 0)"
        )
        yield
        self.outgoing.stop()

    def is_started(self) -> bool:
        """Start the connection; a server that is busy may need longer than it is given."""
        try:
            self.outgoing.start()
        except TimedOut:
            return False
        return True

    def make_server(self) -> Any:
        self.outgoing.server = LocalServer(outgoing={"sql": {"db": self.outgoing}})
        return self.outgoing.server

    def send(self, raw: bytes) -> None:
        self.outgoing.execute("INSERT INTO inbox (body) VALUES (:body)", body=raw)

    def same(self, request: Any, raw: bytes) -> bool:
        return request.payload["body"] == raw


@pytest.mark.proves("channel sql", "guarantee")
class TestChannelPostgreSQL(Channel):
    engine = "postgresql"


@pytest.mark.proves("channel sql", "guarantee")
class TestChannelMariaDB(Channel):
    engine = "mariadb"


class TestChannelSQLite(Channel):
    engine = "sqlite"


class TestChannelWithMark(Channel):
    """By the mark alone: one sender at a time, since a row that is committed later with a smaller
    mark is not seen.
    """

    engine = "postgresql"
    good = {
        "connection": "db",
        "query": "SELECT id, body FROM inbox WHERE id > :mark ORDER BY id",
        "interval": 0.05,
    }
    test_an_edit_under_load_loses_nothing = None  # type: ignore[assignment] # four senders
