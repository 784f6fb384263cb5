"""`self.outgoing.sql` as services written for Zato use it, over the real plugin sql and a real
database.
"""

from __future__ import annotations

from contextlib import closing

import pytest
from hansa import Unavailable
from hansa_devkit import LocalServer
from hansa_zato.outgoing import Outgoing
from sqlalchemy import select, text
from zato.common import ConnectionException

from plugins.sql.tests.support import make, new_database


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def out(request, server, real_server, tmp_path):
    place = new_database(real_server, request.param, tmp_path)
    live = make(LocalServer(directory=tmp_path), "CRM", **place, max_connections=2)
    live.start()
    live.execute("CREATE TABLE customer (id INTEGER, name VARCHAR(20))")
    server.objects["outgoing", "sql", "CRM"] = live
    yield Outgoing(server)
    live.stop()


def test_a_session_with_plain_texts(out):
    for _ in range(5):  # more than the pool has: each gives its connection back
        with closing(out.sql.get("CRM").session()) as session:
            session.execute("DELETE FROM customer")
            session.execute("INSERT INTO customer VALUES (:id, :name)", {"id": 1, "name": "Ada"})
            session.execute(text("INSERT INTO customer VALUES (2, 'Grace')"))
            session.commit()
    with closing(out.sql["CRM"].session()) as session:
        result = session.execute("SELECT id, name FROM customer ORDER BY id")
        first, second = result.fetchall()
        assert (first["name"], first[0], first.name, first.keys()) == (
            "Ada",
            1,
            "Ada",
            ["id", "name"],
        )
        assert dict(second) == {"id": 2, "name": "Grace"} and second.items() == [
            ("id", 2),
            ("name", "Grace"),
        ]
        assert tuple(first) == (1, "Ada") and second.values() == [2, "Grace"]
        with pytest.raises(AttributeError, match="nothing"):
            _ = first.nothing
        assert session.execute("SELECT count(*) FROM customer").scalar() == 2
        assert [row.name for row in session.execute("SELECT name FROM customer ORDER BY id")] == [
            "Ada",
            "Grace",
        ]
        found = session.execute("SELECT id FROM customer ORDER BY id")
        assert (
            found.fetchone().id == 1
            and [row.id for row in found.fetchmany(5)] == [2]
            and found.fetchone() is None
        )
        assert session.execute("SELECT id FROM customer WHERE id = 7").first() is None


def test_what_is_not_committed_is_not_there(out):
    session = out.sql.get("CRM").session()
    session.execute("INSERT INTO customer VALUES (1, 'Ada')")
    session.close()
    with session:
        assert session.execute("SELECT count(*) FROM customer").scalar() == 0
        session.execute(text("INSERT INTO customer VALUES (1, 'Ada')"))
        session.rollback()
    assert out.sql["CRM"].one("SELECT count(*) AS n FROM customer") == {"n": 0}


def test_the_engine_and_the_connection_itself(out):
    entry = out.sql["CRM"]
    with entry.pool.engine.connect() as connection:
        assert connection.execute(select(1)).scalar() == 1
    assert entry.conn.all("SELECT id FROM customer") == []
    assert "answered" in entry.conn.ping("K1")
    assert entry.config.get("password") is None and entry.config.name == "CRM"


def test_a_database_that_is_down(out, server, monkeypatch):
    def down(kind, type, name):
        raise Unavailable("outgoing sql 'CRM' is retrying: no database")

    monkeypatch.setattr(server.objects, "get", down)
    with closing(out.sql["CRM"].session()) as session:
        with pytest.raises(ConnectionException, match="no database"):
            session.execute("SELECT 1")
