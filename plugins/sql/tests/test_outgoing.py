"""Statements, transactions, sessions and values on each database, and what parameters can and
cannot do.
"""

from __future__ import annotations

import datetime
import json
import os
import threading
import time
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hansa import Invalid, Model, Service, TimedOut, TooLarge, Unavailable, load, setting
from hansa_devkit import LocalServer, run_service
from hansa_json.format import JsonFormat
from hansa_sql.engine import open_engine
from hansa_sql.settings import DatabaseSettings, QuerySettings
from hansa_sql.statements import for_driver, prepared
from hansa_xml.format import XmlFormat
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import column, create_engine, func, select, table, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from plugins.sql.tests.support import BYTES

SLOW = {
    "postgresql": "SELECT pg_sleep(30)",
    "mariadb": "SELECT SLEEP(30)",
    "sqlite": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
}


@pytest.fixture
def people(db):
    """A table with two rows."""
    db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(200))")
    for number, name in enumerate(["Ada", "Grace"], 1):
        assert (
            db.execute("INSERT INTO people (id, name) VALUES (:id, :name)", id=number, name=name)
            == 1
        )
    return db


def test_rows_are_plain_data(people):
    assert people.one("SELECT id, name FROM people WHERE id = :id", id=2) == {
        "id": 2,
        "name": "Grace",
    }
    assert people.one("SELECT id FROM people WHERE id = :id", id=3) is None
    assert people.all("SELECT id FROM people ORDER BY id") == [{"id": 1}, {"id": 2}]
    assert people.all("SELECT id FROM people WHERE id IN :ids", ids=[2, 7]) == [{"id": 2}]
    assert people.all("SELECT id FROM people WHERE id in :ids", ids=[]) == []
    assert people.execute("UPDATE people SET name = :name", name="X") == 2


def test_signs_that_drivers_give_a_meaning(people):
    """As they are: percent signs, question marks, colons in texts; a name twice; names that a
    database keeps for itself.
    """
    assert people.all("SELECT id FROM people WHERE name LIKE 'A%'") == [{"id": 1}]
    assert people.all("SELECT id FROM people WHERE name LIKE 'G%' AND id <> :id", id=1) == [
        {"id": 2}
    ]
    assert people.one("SELECT '?:x %s' AS sign FROM people WHERE id = :id", id=1) == {
        "sign": "?:x %s"
    }
    asked = "SELECT id FROM people WHERE id = :b OR :a = 'Ada' AND name = :a"
    assert people.all(asked, a="Ada", b=7) == [{"id": 1}]
    assert people.all(
        "SELECT id FROM people WHERE id = :select AND name <> :date", select=2, date="x"
    ) == [{"id": 2}]


@pytest.mark.parametrize(
    "engine", ["postgresql+psycopg", "mysql+pymysql", "oracle+oracledb", "sqlite", "mssql+pyodbc"]
)
@pytest.mark.parametrize("names", [("a", "b"), ("date", "select"), ("_x", "y")])
def test_what_a_driver_is_given_is_what_sqlalchemy_gives_it(engine, names):
    dialect = make_url(f"{engine}://").get_dialect()()
    statement = " ".join(f"(a = :{name})" for name in [*names, names[0]])
    compiled = prepared(statement)[0].compile(dialect=dialect)
    values = {name: f"value of {name}" for name in prepared(statement)[1]}
    ready = for_driver(statement, dialect)
    if ready is None:
        assert compiled.escaped_bind_names
        return
    given = values if ready[1] is None else [values[name] for name in ready[1]]
    expected = compiled.construct_params(values)
    assert ready[0] == str(compiled)
    assert given == (
        expected
        if not dialect.positional
        else [expected[name] for name in compiled.positiontup or ()]
    )


def test_sqlite_has_no_login():
    settings = {"engine": "sqlite", "database": "orders.sqlite"}
    load(DatabaseSettings, settings)
    with pytest.raises(Invalid) as caught:
        load(DatabaseSettings, {**settings, "username": "ada", "password": "a-password"})
    assert set(caught.value.errors) == {"username", "password"}
    with pytest.raises(Invalid) as caught:
        load(DatabaseSettings, {**settings, "engine": "sqlite+pysqlite", "security": "ada"})
    assert set(caught.value.errors) == {"security"}


def test_a_list_is_written_anew_for_each_call():
    assert for_driver("SELECT 1 WHERE 1 IN :ids", make_url("sqlite://").get_dialect()()) is None


def test_a_statement_may_be_made_with_sqlalchemy(people):
    names = table("people", column("id"), column("name"))
    assert people.one(select(func.count().label("all")).select_from(names)) == {"all": 2}
    assert people.all(select(names.c.name).where(names.c.id == 1)) == [{"name": "Ada"}]


@pytest.mark.parametrize(
    "evil",
    [
        "x'; DROP TABLE people; --",
        "' OR '1'='1",
        '"; DELETE FROM people; --',
        "\\'; --",
        "%s %(name)s :name",
        "\x01\n",
    ],
)
def test_sql_in_a_parameter_is_only_text(people, evil):
    assert people.all("SELECT id FROM people WHERE name = :name", name=evil) == []
    people.execute("INSERT INTO people (id, name) VALUES (3, :name)", name=evil)
    assert people.one("SELECT name FROM people WHERE id = 3") == {"name": evil}
    assert people.one("SELECT count(*) AS n FROM people") == {"n": 3}


def test_names_are_checked_all_at_once(people):
    with pytest.raises(Invalid) as refused:
        people.all(
            "SELECT id FROM people WHERE id = :id AND name = :name",
            nam="x",
            **{"id; DROP TABLE people": 1},
        )
    assert set(refused.value.errors) == {"id", "name", "nam", "id; DROP TABLE people"}


@given(
    names=st.sets(st.from_regex(r"[a-z]\w{0,9}", fullmatch=True), max_size=4),
    text=st.text("abc :'%\n(", max_size=20),
)
def test_the_names_of_a_statement_are_found(names, text):
    quoted = text.replace(":", "")
    statement = f"SELECT {quoted} " + " ".join(f"(a = :{name})" for name in names) + " x::integer"
    assert prepared(statement)[1] == names


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    value=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=100)
)
def test_any_text_comes_back_as_it_was(people, value):
    people.execute("UPDATE people SET name = :name WHERE id = 1", name=value)
    assert people.one("SELECT name FROM people WHERE id = 1") == {"name": value}


def test_columns_of_one_name_are_refused(people):
    with pytest.raises(Invalid, match="AS"):
        people.all("SELECT a.id, b.id FROM people a, people b")


def test_more_rows_than_allowed_are_refused_not_cut(connect, people):
    small = connect(max_rows=1)
    assert small.all("SELECT id FROM people WHERE id = 1") == [{"id": 1}]
    with pytest.raises(TooLarge, match="max_rows"):
        small.all("SELECT id FROM people")
    assert small.one("SELECT id FROM people ORDER BY id") == {"id": 1}


def fail(*ignored):
    """Raise."""
    raise Unavailable("no")


def test_a_transaction_happens_as_a_whole_or_not_at_all(people):
    with people.transaction() as transaction:
        transaction.execute("UPDATE people SET name = 'A' WHERE id = 1")
        assert transaction.one("SELECT name FROM people WHERE id = 1") == {"name": "A"}
    with pytest.raises(Unavailable, match="no"), people.transaction() as transaction:
        fail(transaction.execute("DELETE FROM people"))
    with pytest.raises(IntegrityError) as refused:
        people.execute(
            "INSERT INTO people (id, name) VALUES (:id, :name)", id=1, name="a secret value"
        )
    assert "a secret value" not in str(refused.value)
    assert people.all("SELECT name FROM people ORDER BY id") == [{"name": "A"}, {"name": "Grace"}]


def test_what_a_transaction_read_does_not_change_before_it_writes(people, engine):
    people.execute("CREATE TABLE counter (n INTEGER)")
    people.execute("INSERT INTO counter VALUES (0)")
    lock = "" if engine == "sqlite" else " FOR UPDATE"

    def count():
        for _ in range(10):
            with people.transaction() as transaction:
                n = transaction.one(f"SELECT n FROM counter{lock}")["n"]
                transaction.execute("UPDATE counter SET n = :n", n=n + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert people.one("SELECT n FROM counter") == {"n": 40}


def test_a_session_of_the_orm(people):
    with people.session() as session:
        session.add(Person(id=3, name="Barbara"))
        session.commit()
        session.get(Person, 1).name = "not committed"
        session.flush()
    with people.session() as session:
        assert [person.name for person in session.scalars(select(Person).order_by(Person.id))] == [
            "Ada",
            "Grace",
            "Barbara",
        ]


class Base(DeclarativeBase):
    """Tables of the test."""


class Person(Base):
    """A row of people."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Account(Model):
    """A row, typed."""

    id: Annotated[int, setting("Number")]
    amount: Annotated[Decimal, setting("Money")]
    opened: Annotated[datetime.date, setting("Day")]
    seen: Annotated[datetime.datetime | None, setting("Time")] = None
    photo: Annotated[bytes, setting("Bytes")] = b""


class Accounts(Service):
    """Rows as they are."""

    def handle(self):
        return self.outgoing.sql["db"].all(
            "SELECT id, amount, opened, seen, photo FROM accounts ORDER BY id"
        )


class Typed(Service):
    """A row as a Model."""

    Output = Account

    def handle(self):
        return self.outgoing.sql["db"].one(
            "SELECT id, amount, opened, seen, photo FROM accounts ORDER BY id"
        )


@pytest.fixture
def accounts(db, engine):
    moment = "TIMESTAMP" if engine == "postgresql" else "DATETIME"
    db.execute(
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount DECIMAL(20, 4), opened DATE, "
        f"seen {moment}, photo {BYTES[engine]})"
    )
    row = {
        "amount": "12345678901234.5678",
        "opened": datetime.date(2026, 2, 28),
        "photo": b"\x00\xff",
    }
    if engine == "sqlite":
        row["opened"] = "2026-02-28"
    statement = (
        "INSERT INTO accounts (id, amount, opened, photo) VALUES (1, :amount, :opened, :photo)"
    )
    db.execute(statement, **row)
    return db


def test_rows_go_out_in_any_format(accounts, engine):
    server = LocalServer(outgoing={"sql": {"db": accounts}})
    [row] = run_service(Accounts, server=server).payload
    if engine != "sqlite":  # which knows neither decimals nor dates
        assert row["amount"] == Decimal("12345678901234.5678")
        assert row["opened"] == datetime.date(2026, 2, 28)
        typed = json.loads(run_service(Typed, server=server, format=JsonFormat).raw)
        assert typed == {
            "id": 1,
            "amount": "12345678901234.5678",
            "opened": "2026-02-28",
            "seen": None,
            "photo": "AP8=",
        }
    assert row["photo"] == b"\x00\xff" and row["seen"] is None
    [told] = json.loads(run_service(Accounts, server=server, format=JsonFormat).raw)
    assert told["opened"] == "2026-02-28" and told["photo"] == "AP8=" and told["seen"] is None
    written = run_service(Accounts, server=server, format=XmlFormat).raw.decode()
    assert "2026-02-28" in written and "AP8=" in written
    if engine != "sqlite":
        assert told["amount"] == "12345678901234.5678" and "12345678901234.5678" in written


def test_a_value_of_50_megabytes(connect, real_server, engine):
    db = connect()
    if engine == "mariadb":
        from hansa_devkit.servers_sql import MariaDB

        real_server(MariaDB).execute("SET GLOBAL max_allowed_packet = 1073741824")
        db = connect()
    large = os.urandom(1024) * (50 * 1024)
    db.execute(f"CREATE TABLE large (body {BYTES[engine]})")
    db.execute("INSERT INTO large VALUES (:body)", body=large)
    assert db.one("SELECT body FROM large") == {"body": large}


def test_a_slow_statement_ends_at_the_deadline_and_the_connection_is_of_use_again(connect, engine):
    db = connect(timeout=1, max_connections=1)
    began = time.monotonic()
    with pytest.raises(TimedOut, match="outgoing sql 'db'"):
        db.one(SLOW[engine])
    assert time.monotonic() - began < 5
    assert db.one("SELECT 1 AS one") == {"one": 1}


def test_a_call_waits_for_a_free_connection_no_longer_than_its_deadline(connect):
    db = connect(timeout=0.5, max_connections=1)
    with db.transaction(timeout=10):
        began = time.monotonic()
        with pytest.raises(TimedOut, match="none of 1 connections was free"):
            db.one("SELECT 1")
        assert time.monotonic() - began < 5
    assert db.one("SELECT 1 AS one") == {"one": 1}


def test_failing_calls_keep_no_connection(connect, people, engine):
    db = connect(max_connections=2, timeout=5)

    def fail():
        for number in range(50):
            try:
                if number % 3 == 0:
                    with db.transaction() as transaction:
                        transaction.execute("SELECT nothing FROM nowhere")
                elif number % 3 == 1:
                    db.execute("INSERT INTO people (id, name) VALUES (1, 'again')")
                else:
                    with db.session() as session:
                        session.execute(text("SELECT nothing FROM nowhere"))
            except Exception as error:
                errors.append(error)

    errors: list[Any] = []
    threads = [threading.Thread(target=fail) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 300
    assert not [error for error in errors if isinstance(error, TimedOut | Unavailable)]
    with db.transaction(), db.transaction() if engine != "sqlite" else db.connection():
        pass  # both are free


def test_a_missing_driver_is_told_with_the_extra_to_install(monkeypatch, tmp_path):
    import sqlalchemy.dialects.postgresql.psycopg as dialect

    def missing(cls):
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(dialect.PGDialect_psycopg, "import_dbapi", classmethod(missing))
    config = load(DatabaseSettings, {"engine": "postgresql", "database": "x"})
    with pytest.raises(Unavailable, match=r"pip install 'hansa-sql\[postgresql\]'"):
        open_engine(config, tmp_path)


def test_an_unknown_dialect_names_the_setting(tmp_path):
    config = load(DatabaseSettings, {"engine": "postgres", "database": "x"})
    with pytest.raises(Unavailable, match=r"no dialect postgres; check the setting engine"):
        open_engine(config, tmp_path)


def test_what_drivers_are_told(tmp_path):
    oracle = {
        "engine": "oracle",
        "host": "db.example.com",
        "database": "SALES",
        "username": "u",
        "password": "p",
    }
    assert str(open_engine(load(DatabaseSettings, oracle), tmp_path).url) == (
        "oracle+oracledb://u:***@db.example.com?service_name=SALES"
    )
    place = {"engine": "sqlite", "database": "sub/x.db"}
    assert (
        open_engine(load(DatabaseSettings, place), tmp_path).url.database == f"{tmp_path}/sub/x.db"
    )


@pytest.mark.skipif(
    "HANSA_TEST_ORACLE" not in os.environ, reason="HANSA_TEST_ORACLE names no database (a URL)"
)
def test_oracle(tmp_path):
    """With HANSA_TEST_ORACLE=oracle+oracledb://user:password@host:1521/?service_name=NAME."""
    from plugins.sql.tests.support import make, settings_of

    url = os.environ["HANSA_TEST_ORACLE"]
    place = settings_of(url, "oracle") | {"database": create_engine(url).url.query["service_name"]}
    db = make(LocalServer(directory=tmp_path), **place)
    try:
        db.start()
        assert db.ping()
        assert db.one("SELECT :n + 1 AS n FROM dual", n=1) == {"n": 2}
    finally:
        db.stop()


@pytest.mark.parametrize(
    ("query", "more", "fits"),
    [
        ("SELECT id FROM t WHERE id > :mark ORDER BY id", {}, True),
        ("SELECT id FROM t WHERE id > :mark AND x = :x", {}, False),
        ("SELECT id FROM t", {}, False),
        ("SELECT id FROM t", {"on_success": "DELETE FROM t WHERE id = :id"}, False),
        (
            "SELECT id FROM t",
            {"on_success": "DELETE FROM t WHERE id = :id", "on_failure": "DELETE FROM t"},
            True,
        ),
    ],
)
def test_a_query_that_gives_the_same_rows_for_ever_is_refused(query, more, fits):
    data = {"connection": "db", "query": query, **more}
    if fits:
        assert load(QuerySettings, data).mark == "id"
    else:
        with pytest.raises(Invalid, match="query"):
            load(QuerySettings, data)
