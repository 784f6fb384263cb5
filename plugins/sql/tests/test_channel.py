"""What the channel reads: marks of several types, batches, services with typed input, and rows that
are committed late.
"""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hansa import Invalid, Model, Service, load, setting
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_sql.channel import SqlChannel

from plugins.sql.tests.support import KEY


@pytest.fixture
def poll(db, tmp_path):
    """Start channels over the database; each puts what it gets into an inbox of its own."""
    channels: list[Any] = []

    def start(dispatch=None, **settings):
        server = LocalServer(directory=tmp_path, outgoing={"sql": {"db": db}})
        model = type(
            "Definition", (SqlChannel.Config, SqlChannel.common), {"__doc__": "One definition."}
        )
        config: Any = load(
            model, {"service": "x", "connection": "db", "interval": 0.02, **settings}
        )
        channels.append(SqlChannel(f"c{len(channels)}", config, server))
        channels[-1].dispatch = dispatch or Inbox()
        channels[-1].start()
        return channels[-1]

    yield start
    for channel in channels:
        channel.stop()


@pytest.fixture
def orders(db, engine):
    """A table."""
    db.execute(
        f"CREATE TABLE orders (id {KEY[engine]}, name VARCHAR(20),"
        " state VARCHAR(9) DEFAULT 'new', changed VARCHAR(30))"
    )
    return db


BY_MARK = "SELECT id, name FROM orders WHERE id > :mark ORDER BY id"
FLAGGED = {
    "query": "SELECT id, name FROM orders WHERE state = 'new' ORDER BY id",
    "on_success": "UPDATE orders SET state = 'done' WHERE id = :id",
    "on_failure": "UPDATE orders SET state = :name WHERE id = :id",
}


def test_a_row_is_the_input_of_a_service(poll, orders):
    seen = []

    class Take(Service):
        class Input(Model):
            id: Annotated[int, setting("Number")]
            name: Annotated[str, setting("Name", max_length=5)]

        def handle(self):
            seen.append((self.request.input, self.request.headers["mark"]))

    orders.execute("INSERT INTO orders (name) VALUES ('Ada')")
    orders.execute("INSERT INTO orders (name) VALUES ('too long')")
    server = LocalServer(services={"take": Take})
    poll(lambda request: server.handle("take", request), **FLAGGED)
    wait_until(
        lambda: orders.one("SELECT count(*) AS n FROM orders WHERE state = 'new'") == {"n": 0}
    )
    assert seen == [(Take.Input(id=1, name="Ada"), "1")]
    assert orders.all("SELECT state FROM orders ORDER BY id") == [
        {"state": "done"},
        {"state": "too long"},
    ]


def test_a_mark_outlives_the_channel_and_batches_keep_to_the_limit(poll, orders):
    for number in range(5):
        orders.execute("INSERT INTO orders (name) VALUES (:name)", name=str(number))
    channel = poll(query=BY_MARK, batch=True, max_records=2)
    requests = channel.dispatch.wait(3, 10)
    assert [[row["id"] for row in request.payload] for request in requests] == [[1, 2], [3, 4], [5]]
    wait_until(lambda: channel.position.mark == 5)
    channel.stop()
    again = SqlChannel(channel.name, channel.config, channel.server)
    again.dispatch = Inbox()
    again.start()
    try:
        orders.execute("INSERT INTO orders (name) VALUES ('5')")
        [request] = again.dispatch.wait(1, 10)
        assert [row["id"] for row in request.payload] == [6]
    finally:
        again.stop()


def test_a_mark_may_be_a_time(poll, orders, engine):
    moment = {"postgresql": "TIMESTAMP(6)", "mariadb": "DATETIME(6)", "sqlite": "TEXT"}[engine]
    orders.execute(f"CREATE TABLE changes (at {moment})")
    for second in (1, 2):
        orders.execute(f"INSERT INTO changes VALUES ('2026-01-01 00:00:0{second}.000007')")
    channel = poll(
        query="SELECT at FROM changes WHERE at > :mark ORDER BY at",
        mark="at",
        first_mark="2026-01-01 00:00:00",
    )
    channel.dispatch.wait(2, 10)
    orders.execute("INSERT INTO changes VALUES ('2026-01-01 00:00:02.000008')")
    assert "02.000008" in str(channel.dispatch.wait(3, 10)[2].payload["at"])


def test_a_mark_may_be_a_time_and_a_number(poll, db, engine, tmp_path):
    moment = {"postgresql": "TIMESTAMP", "mariadb": "DATETIME", "sqlite": "TEXT"}[engine]
    db.execute(f"CREATE TABLE changes (id INTEGER, at {moment})")
    rows = [
        {"id": 7, "at": "2026-01-01 00:00:01"},
        {"id": 3, "at": "2026-01-01 00:00:02"},
        {"id": 5, "at": "2026-01-01 00:00:02"},
    ]
    db.execute("INSERT INTO changes (id, at) VALUES (:id, :at)", rows)
    channel = poll(
        query="SELECT id, at FROM changes WHERE (at, id) > (:mark_at, :mark_id) ORDER BY at, id",
        mark="at, id",
        first_mark="2026-01-01 00:00:01, 0",
        max_records=2,
    )
    requests = channel.dispatch.wait(3, 10)
    assert [request.payload["id"] for request in requests] == [7, 3, 5]
    assert requests[0].headers["mark"] == "2026-01-01 00:00:01, 7"
    wait_until(lambda: channel.position.mark[1:] == (5,))
    channel.stop()
    again = SqlChannel(channel.name, channel.config, channel.server)
    again.dispatch = Inbox()
    again.start()
    try:
        db.execute("INSERT INTO changes VALUES (6, '2026-01-01 00:00:02')")
        assert [request.payload["id"] for request in again.dispatch.wait(1, 10)] == [6]
    finally:
        again.stop()


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"mark": "at, id", "first_mark": "2026-01-01"}, "first_mark"),
        ({"mark": "at, id", "first_mark": "2026-01-01, 0", "query": "SELECT :mark"}, "query"),
    ],
)
def test_a_mark_of_two_columns_needs_two_values(settings, fault):
    query = "SELECT id, at FROM t WHERE (at, id) > (:mark_at, :mark_id)"
    with pytest.raises(Invalid) as refused:
        load(SqlChannel.Config, {"connection": "db", "query": query, **settings})
    assert set(refused.value.errors) == {fault}


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "value", ["timestamptz 'infinity'", "time '24:00:00'", "date '0044-03-15 BC'"]
)
def test_a_value_that_python_does_not_have_holds_no_row_up(poll, orders, value):
    for name in ("a", "b", "c"):
        orders.execute("INSERT INTO orders (name) VALUES (:name)", name=name)
    channel = poll(
        query=f"SELECT id, CASE WHEN id = 2 THEN {value} END AS odd FROM orders"
        " WHERE id > :mark ORDER BY id"
    )
    odd = [request.payload["odd"] for request in channel.dispatch.wait(3, 10)]
    assert odd == [None, value.split("'")[1], None]
    assert not channel.server.losses


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_mark_may_be_infinite(poll, orders):
    at = "CASE id WHEN 1 THEN '2026-01-01' ELSE 'infinity' END::timestamptz"
    for name in ("a", "b"):
        orders.execute("INSERT INTO orders (name) VALUES (:name)", name=name)
    channel = poll(
        query=f"SELECT id, {at} AS at FROM orders WHERE ({at}, id) > (:mark_at, :mark_id)"
        " ORDER BY 2, 1",
        mark="at, id",
        first_mark="-infinity, 0",
    )
    channel.dispatch.wait(2, 10)
    orders.execute("INSERT INTO orders (name) VALUES ('c')")
    marks = [request.headers["mark"] for request in channel.dispatch.wait(3, 10)]
    assert marks == ["2026-01-01 00:00:00+00:00, 1", "infinity, 2", "infinity, 3"]
    assert not channel.server.losses


@pytest.mark.parametrize(
    ("query", "mark"),
    [
        ("SELECT id, NULL AS at FROM orders WHERE id > :mark ORDER BY id", "at"),
        ("SELECT id, NULL AS at FROM orders WHERE :mark_at < id AND :mark_id < id", "id, at"),
    ],
)
def test_a_mark_that_is_null_is_told(poll, orders, query, mark):
    orders.execute("INSERT INTO orders (name) VALUES ('a')")
    first_mark = ", ".join("0" for _ in mark.split(","))
    channel = poll(query=query, mark=mark, first_mark=first_mark)
    wait_until(lambda: channel.server.losses)
    assert "'at' is NULL" in str(channel.server.losses[channel])
    assert not channel.dispatch.requests


@pytest.mark.parametrize(
    "query",
    [
        "SELECT name FROM orders WHERE id > :mark",
        "SELECT id FROM orders WHERE id > :mark ORDER BY id DESC",
    ],
)
def test_a_query_that_would_lose_rows_is_told(poll, orders, query):
    for name in "ab":
        orders.execute("INSERT INTO orders (name) VALUES (:name)", name=name)
    channel = poll(query=query)
    wait_until(lambda: channel.server.losses)
    assert "mark" in str(channel.server.losses[channel]) and not channel.dispatch.requests


def test_sql_in_a_row_is_only_a_value(poll, orders):
    evil = "'; DROP TABLE orders;"[:20]
    orders.execute("INSERT INTO orders (name) VALUES (:name)", name=evil)
    changed = "UPDATE orders SET changed = :name WHERE id = :id"
    channel = poll(**{**FLAGGED, "on_success": changed + " AND state = 'new'", "query": BY_MARK})
    channel.dispatch.wait(1, 10)
    wait_until(lambda: orders.one("SELECT changed FROM orders") == {"changed": evil})


@pytest.mark.proves(
    "channel sql",
    "loss window",
    "none, if the query picks rows by a flag; by a mark, rows that are committed after one with a"
    " higher mark was read",
)
@pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True)
def test_a_row_that_is_committed_late_is_seen_by_its_flag_and_not_by_a_mark(poll, orders):
    marked, flagged = poll(query=BY_MARK), poll(**FLAGGED)
    with orders.transaction() as late:
        late.execute("INSERT INTO orders (name) VALUES ('late')")
        orders.execute("INSERT INTO orders (name) VALUES ('early')")
        marked.dispatch.wait(1, 10)
        flagged.dispatch.wait(1, 10)
    assert [request.payload["name"] for request in flagged.dispatch.wait(2, 10)] == [
        "early",
        "late",
    ]
    orders.execute("INSERT INTO orders (name) VALUES ('last')")
    assert [request.payload["name"] for request in marked.dispatch.wait(2, 10)] == ["early", "last"]
