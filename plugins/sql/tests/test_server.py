"""A real server: the worked example of the README, an outage, an edit under load, and rows that
break their service or the process.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers_sql import PostgreSQL

from plugins.sql.tests.support import settings_of

README = (Path(__file__).parents[1] / "README.md").read_text()
SERVICES = """
import os

from hansa import Invalid, Service, Unavailable


class Look(Service):
    def handle(self):
        return self.outgoing.sql["db"].one("SELECT count(*) AS n FROM orders")


class Take(Service):
    def handle(self):
        row = self.request.input
        with open(row["path"], "a") as file:
            file.write(f"{row['id']} {self.request.attempt}\\n")
        if row["what"] == "crash":
            os._exit(1)
        if row["what"] == "poison":
            raise Invalid("poison")
        if row["what"] == "down":
            raise Unavailable("down")
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_worked_example_works(start_server):
    server = start_server(blocks("toml")[0], start=False, workers=1, plugins=["sql"])
    (server.folder / "orders.py").write_text(blocks("python")[0])
    server.dir.mkdir()
    with sqlite3.connect(server.dir / "shop.db") as database:
        database.executescript(blocks("sql")[0])
    database.close()
    server.start()
    assert server.post("/orders", {"customer": "Ada", "amount": "9.95"}).json() == {"id": 1}, (
        server.log()
    )
    assert server.post("/orders", {"customer": "", "amount": "1"}).status_code == 400
    wait_until(
        lambda: server.get("/shipped").json() == [{"id": 1, "customer": "Ada", "amount": "9.95"}]
    )


def test_the_other_settings_of_the_readme_are_valid():
    import tomllib

    from hansa import load
    from hansa_sql.settings import DatabaseSettings, QuerySettings

    [crm] = tomllib.loads(blocks("toml")[1])["outgoing"]["sql"].values()
    assert load(DatabaseSettings, {**crm, "password": "secret"}).tls
    by_two, by_flag = (
        load(QuerySettings, {"connection": "crm", **tomllib.loads(block)})
        for block in blocks("toml")[2:4]
    )
    assert by_two.mark_parameters == ["mark_changed", "mark_id"]
    assert by_flag.on_failure


@pytest.fixture(scope="module")
def postgres():
    with PostgreSQL() as server:
        yield server


@pytest.fixture
def place(postgres):
    """The settings of a database with a table of orders."""
    place = settings_of(postgres.database(), "postgresql")
    postgres.execute(
        "CREATE TABLE orders (id BIGSERIAL PRIMARY KEY, what TEXT DEFAULT '', path TEXT,"
        " state TEXT DEFAULT 'new')",
        place["database"],
    )
    return place


@pytest.mark.proof
@pytest.mark.proves(
    "channel sql",
    "durability",
    "rows stay in the database; how far they were read is kept in Redis, or without it in a synced"
    " file of the server",
)
def test_an_outage(start_server, postgres, place, tmp_path):
    server = start_server("[http]\nchannel_timeout = 30", workers=2, plugins=["sql"])
    server.deploy("orders.py", SERVICES)
    server.api("admin.outgoing.sql.create", name="db", **place, timeout=3, connect_timeout=1)
    server.api(
        "admin.channel.http.create",
        name="look",
        url_path="/look",
        service="orders.look",
        format="json",
    )
    query = "SELECT id, what, path FROM orders WHERE id > :mark ORDER BY id"
    server.api(
        "admin.channel.sql.create",
        name="take",
        service="orders.take",
        connection="db",
        query=query,
        interval=0.2,
    )
    path = tmp_path / "taken"

    def insert():
        postgres.execute(f"INSERT INTO orders (path) VALUES ('{path}')", place["database"])

    def states(kind):
        return [
            state["state"]
            for state in server.api(f"admin.{kind}.sql.get", name=_name(kind))["states"].values()
        ]

    insert()
    wait_until(lambda: path.exists() and path.read_text() == "1 1\n")
    postgres.kill()
    began = time.monotonic()
    while "retrying" not in states("outgoing"):
        answer = server.get("/look")
        assert answer.status_code in (503, 504)
        assert time.monotonic() - began < 10
    told = server.get("/look")
    assert told.status_code == 503 and "outgoing sql 'db'" in told.json()["detail"]
    wait_until(lambda: "retrying" in states("channel"), what="the state of the channel")
    postgres.start()
    wait_until(lambda: all(server.get("/look").status_code == 200 for _ in range(6)), 20)
    insert()
    [_, second] = postgres.execute(
        "SELECT id FROM orders ORDER BY id", place["database"]
    )  # a crash skips numbers
    wait_until(lambda: path.read_text() == f"1 1\n{second.id} 1\n", 20)
    wait_until(lambda: states("outgoing") == ["running", "running"])
    wait_until(lambda: sorted(states("channel")) == ["elsewhere", "running"])


def _name(kind):
    return {"outgoing": "db", "channel": "take"}[kind]


@pytest.mark.proof
@pytest.mark.parametrize("login", ["settings", "security"])
def test_edits_under_load_fail_no_call(start_server, postgres, place, login):
    server = start_server(workers=2, plugins=["sql"])
    server.deploy("orders.py", SERVICES)
    postgres.execute("DROP ROLE IF EXISTS second")
    postgres.execute("CREATE ROLE second LOGIN PASSWORD 'another-one' IN ROLE hansa SUPERUSER")
    first = {"username": place["username"], "password": place["password"]}
    if login == "security":
        server.api("admin.security.basic.create", name="crm", signs=True, **first)
        place = {name: value for name, value in place.items() if name not in first}
        server.api("admin.outgoing.sql.create", name="db", **place, security="crm", timeout=5)
    else:
        server.api("admin.outgoing.sql.create", name="db", **place, timeout=5)
    server.api(
        "admin.channel.http.create",
        name="look",
        url_path="/look",
        service="orders.look",
        format="json",
    )
    answers: list[int] = []
    done = threading.Event()

    def load():
        while not done.is_set():
            answers.append(server.get("/look").status_code)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for round in range(6):
        chosen = first if round % 2 else {"username": "second", "password": "another-one"}
        count = len(answers)
        if login == "security":
            server.api("admin.security.basic.edit", name="crm", **chosen)
        else:
            host = "127.0.0.1" if round % 2 else "localhost"
            server.api("admin.outgoing.sql.edit", name="db", **chosen, host=host)
        wait_until(lambda count=count: len(answers) > count + 20)
    done.set()
    for thread in threads:
        thread.join()
    assert len(answers) > 120 and set(answers) == {200}
    activity = f"FROM pg_stat_activity WHERE datname = '{place['database']}'"
    wait_until(
        lambda: (
            postgres.execute(f"SELECT count(DISTINCT usename), count(*) <= 20 {activity}")
            == [(1, True)]
        )
    )


@pytest.mark.evidence("kills")
@pytest.mark.proof
@pytest.mark.proves(
    "channel sql",
    "duplicates",
    "the row, or batch, in hand when its process dies: at most `max_attempts` times; `on_success`"
    " may run twice",
)
def test_rows_that_break_the_service_or_the_process(start_server, postgres, place, tmp_path):
    server = start_server(workers=2, plugins=["sql"])
    server.deploy("orders.py", SERVICES)
    path = tmp_path / "taken"
    server.api("admin.outgoing.sql.create", name="db", **place)
    server.api(
        "admin.channel.sql.create",
        name="take",
        service="orders.take",
        connection="db",
        interval=0.1,
        max_attempts=2,
        query="SELECT id, what, path FROM orders WHERE state = 'new' ORDER BY id",
        on_success="UPDATE orders SET state = 'done' WHERE id = :id",
        on_failure="UPDATE orders SET state = 'failed' WHERE id = :id",
    )
    for what in ("", "poison", "down", "crash", "", ""):
        postgres.execute(
            f"INSERT INTO orders (what, path) VALUES ('{what}', '{path}')", place["database"]
        )

    def found():
        rows = postgres.execute("SELECT state FROM orders ORDER BY id", place["database"])
        return [row.state for row in rows]

    wait_until(
        lambda: found() == ["done", "failed", "failed", "failed", "done", "done"],
        60,
        "all rows are settled",
    )
    taken = path.read_text().split("\n")
    assert taken.count("1 1") == 1 and [line for line in taken if line.startswith("2 ")] == ["2 1"]
    assert [line for line in taken if line.startswith("3 ")] == ["3 1", "3 2"]
    assert [line for line in taken if line.startswith("4 ")] == ["4 1", "4 2"]
    assert "message 4 was given up after" in server.log()
