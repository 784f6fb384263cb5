"""Values of each database on their way in and out, result sets, bulk statements, and colons that
are no parameters.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum

import pytest
from hansa import Invalid, Service, load
from hansa_devkit import LocalServer, run_service
from hansa_json.format import JsonFormat
from hansa_sql.settings import QuerySettings
from hansa_sql.statements import Statements, prepared
from hypothesis import given, strategies as st
from sqlalchemy import DateTime, column, func, insert, literal, select, table, text
from sqlalchemy.exc import DBAPIError

POSTGRESQL = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
MARIADB = pytest.mark.parametrize("engine", ["mariadb"], indirect=True)
MOMENT = {"postgresql": "TIMESTAMPTZ", "mariadb": "DATETIME", "sqlite": "TEXT"}
DOCUMENT = {"postgresql": "JSONB", "mariadb": "JSON", "sqlite": "TEXT"}
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("""select '{"a":1}'::jsonb""", set()),
        ("select 'x' ~ '(?:abc)'", set()),
        ("select 1 -- see :docs", set()),
        ("select 1 -- isn't\n, :x", {"x"}),
        ("select /* :no ' */ :yes", {"yes"}),
        ("select :xy::text, :z::int", {"xy", "z"}),
        ('select 1 as ":a"', set()),
        ("select 'it''s :a', :b", {"b"}),
        (r"select E'it\'s :a', :b", {"b"}),
        (r"select '\', :b", {"b"}),
        ("select $$ :a ' $$, $t$ :b $$ :c $t$, :d", {"d"}),
        ("call p(a := :x)", {"x"}),
        (r"select '?\:x'", set()),
        ("select 1 where 'in :x' = '' and 1 in :ids", {"ids"}),
    ],
)
def test_colons_that_are_no_parameters(statement, names):
    assert prepared(statement).parameters == names


@pytest.mark.parametrize(
    ("dialect", "statement", "names"),
    [
        ("mysql", r"select 'it\'s :a', :b", {"b"}),
        ("mysql", r'select "\" :a", :b', {"b"}),
        ("mysql", "select `:a`, :b", {"b"}),
        ("mysql", "select 1 # isn't :a\n, :b", {"b"}),
        ("mysql", "select 5--:b", {"b"}),
        ("mysql", "select a$b, $:b, c$d$", {"b"}),
        ("postgresql", "select /* a /* ' :a */ :c */ :b", {"b"}),
        ("postgresql", "select * from t where x like'\\' and y = :b or z = ':a'", {"b"}),
        ("postgresql", "select a$b$, :b, c$b$", {"b"}),
        ("postgresql", "select v[:2], v[1:2], v[(:b):(:c)]", {"b", "c"}),
        ("postgresql", "select v[:b:2]::int[]", {"b"}),
        ("postgresql", "select '{}'::jsonb ?| array[:b] # 1", {"b"}),
        ("oracle", "select q'[it's :a]', nq'!:a'!', :b from dual", {"b"}),
        ("oracle", "begin x := :b; end;", {"b"}),
        ("sqlite", "select /* /* */ :b", {"b"}),
        ("sqlite", "select json('{}') -> '$.a', 'e' || :b", {"b"}),
    ],
)
def test_colons_in_each_dialect(dialect, statement, names):
    assert prepared(statement, dialect).parameters == names


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "oracle", "sqlite"])
@given(st.text(st.sampled_from("':\\a\"`$/*-#eq[]1 \n"), max_size=30))
def test_what_is_no_parameter_reaches_the_database_unchanged(dialect, statement):
    ready = prepared(statement, dialect)
    if not ready.parameters and r"\:" not in statement:
        assert str(ready.clause) == statement


def test_colons_in_the_query_of_a_channel():
    config = QuerySettings(
        connection="db",
        query="select id, at::text from t where id > :mark and x <> ':no' -- :docs",
    )
    config.check()
    assert config.uses_mark("postgresql")
    text = r"select id from t where a = 'it\'s' and id > :mark and b <> 'it\'s' order by id"
    load(QuerySettings, {"connection": "db", "query": text})


@POSTGRESQL
def test_colons_on_postgresql(db):
    assert db.one("""select '{"a":1}'::jsonb as v""") == {"v": {"a": 1}}
    assert db.one("select 'abcd' ~ '(?:abc)' as v -- see :docs") == {"v": True}
    assert db.one("select :xy::text || ':z' || $$:q$$ as v", xy="a") == {"v": "a:z:q"}
    assert db.one("select (array[1,2,3])[2:3] as v") == {"v": [2, 3]}


def test_colons_in_texts(db, engine):
    assert db.one("select ':a' as v, :b as w /* :c */", b="x") == {"v": ":a", "w": "x"}
    # to MariaDB a backslash quotes the colon
    quoted = "a:b" if engine == "mariadb" else r"a\:b"
    assert db.one(r"select 'a\:b' as v, :b as w", b="x") == {"v": quoted, "w": "x"}


@POSTGRESQL
def test_values_that_python_does_not_have_are_texts(db):
    row = db.one(
        "select 'infinity'::timestamptz a, '24:00:00'::time b, '0044-03-15 BC'::date c,"
        " '20000-01-01'::date d, '-infinity'::timestamp e, array['infinity'::date] f,"
        " date '2026-01-02' g"
    )
    assert row["a"] == "infinity"
    assert row["b"] == "24:00:00"
    assert row["c"] == "0044-03-15 BC"
    assert row["d"] == "20000-01-01"
    assert row["e"] == "-infinity"
    assert row["f"] == ["infinity"]
    assert row["g"].isoformat() == "2026-01-02"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_text_of_sqlite_that_is_not_utf_8_is_bytes(db):
    assert db.one("select cast(x'ff41' as text) as v, 'ä' as w") == {"v": b"\xffA", "w": "ä"}


class Network(Service):
    """A row of types of PostgreSQL's own."""

    def handle(self):
        return self.outgoing.sql["db"].one(
            "select '10.0.0.1/24'::inet a, '10.0.0.0/8'::cidr b, int4range(1, 5) c,"
            " 'empty'::int4range d, '[2026-01-01,)'::daterange e, array[int4range(1, 5)] f,"
            " '{[1,5),[7,9)}'::int4multirange g"
        )


@POSTGRESQL
def test_addresses_and_ranges_are_texts(db):
    answer = run_service(
        Network, server=LocalServer(outgoing={"sql": {"db": db}}), format=JsonFormat
    )
    assert json.loads(answer.raw) == {
        "a": "10.0.0.1/24",
        "b": "10.0.0.0/8",
        "c": "[1,5)",
        "d": "empty",
        "e": "[2026-01-01,)",
        "f": ["[1,5)"],
        "g": "{[1,5),[7,9)}",
    }


def test_a_time_with_an_offset_is_stored_as_that_moment(db, engine):
    db.execute(f"CREATE TABLE moments (at {MOMENT[engine]})")
    moment = datetime(2026, 1, 1, 12, tzinfo=EAST)
    db.execute("INSERT INTO moments VALUES (:at)", at=moment)
    found = db.one("SELECT at FROM moments")["at"]
    if engine == "sqlite":
        assert found == "2026-01-01 10:00:00"
    else:
        assert found.replace(tzinfo=UTC) == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert db.one("SELECT 1 AS one FROM moments WHERE at = :at", at=moment) == {"one": 1}


def test_a_time_with_an_offset_is_found_by_in(db, engine):
    db.execute(f"CREATE TABLE moments (at {MOMENT[engine]})")
    moment = datetime(2026, 1, 1, 12, tzinfo=EAST)
    db.execute("INSERT INTO moments VALUES (:at)", at=moment)
    count = "SELECT count(*) AS n FROM moments WHERE at IN :times"
    for times in ([moment], (moment, moment + timedelta(hours=1)), {moment.astimezone(UTC)}):
        assert db.one(count, times=times) == {"n": 1}
    with pytest.raises(Invalid, match="times: must be a list"):
        db.one(count, times="2026")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_number_that_would_be_stored_as_null_is_refused(db):
    with pytest.raises(Invalid, match="v: is NaN"):
        db.one("SELECT :v AS v", v=float("nan"))


@pytest.mark.parametrize("engine", ["mariadb", "sqlite"], indirect=True)
def test_a_time_of_day_with_an_offset_is_refused(db):
    with pytest.raises(Invalid, match="offset"):
        db.one("SELECT :at AS at", at=time(12, tzinfo=EAST))


@pytest.mark.parametrize("document", [{"a": [1, None], "ü": "x"}, [{"a": Decimal("1.50")}]])
def test_plain_data_is_stored_as_json(db, engine, document):
    db.execute(f"CREATE TABLE documents (body {DOCUMENT[engine]})")
    db.execute("INSERT INTO documents VALUES (:body)", body=document)
    found = db.one("SELECT body FROM documents")["body"]
    stored = json.loads(found) if isinstance(found, str) else found
    assert stored == json.loads(json.dumps(document, default=str))


def test_what_is_not_json_is_refused_by_name(db):
    with pytest.raises(Invalid, match="JSON") as refused:
        db.execute("SELECT :body", body={"a": float("nan")})
    assert set(refused.value.errors) == {"body"}


@POSTGRESQL
def test_a_list_of_plain_values_is_an_array_on_postgresql(db):
    assert db.one("SELECT 2 = ANY(:ids) AS found", ids=[1, 2]) == {"found": True}
    assert db.one("SELECT 2 = ANY(:ids) AS found", ids=[]) == {"found": False}
    db.execute("CREATE TABLE lists (numbers INT[], document JSONB)")
    db.execute("INSERT INTO lists (numbers) VALUES (:list)", list=[])
    with pytest.raises(DBAPIError, match="json"):
        db.execute("INSERT INTO lists (document) VALUES (:list)", list=[])
    db.execute("INSERT INTO lists (document) VALUES (:list)", list=json.dumps([]))
    assert db.all("SELECT * FROM lists") == [
        {"numbers": [], "document": None},
        {"numbers": None, "document": []},
    ]


def test_times_in_statements_made_with_sqlalchemy(db, engine):
    db.execute(f"CREATE TABLE moments (at {MOMENT[engine]})")
    moment = datetime(2026, 1, 1, 12, tzinfo=EAST)
    moments = table("moments", column("at", DateTime(timezone=True)))
    db.execute(insert(moments).values(at=moment))
    db.execute(insert(moments), [{"at": moment}])
    with db.session() as session:
        session.execute(text("INSERT INTO moments VALUES (:at)"), {"at": moment})
        session.commit()
    found = db.all("SELECT at FROM moments")
    assert {str(row["at"])[:19] for row in found} == {"2026-01-01 10:00:00"}
    # SQLAlchemy's texts in SQLite have microseconds, those of a text() do not
    same = 2 if engine == "sqlite" else 3
    assert db.one(select(func.count()).where(moments.c.at == moment)) == {"count_1": same}
    if engine != "postgresql":
        with pytest.raises(Invalid, match="offset"):
            db.one(select(literal(time(12, tzinfo=EAST))))


class Colour(str, Enum):  # noqa: UP042 - the kind whose str() is not its value
    RED = "red"


def test_a_member_of_an_enumeration_is_bound_as_its_value(db):
    assert db.one("SELECT CAST(:v AS CHAR(3)) AS v", v=Colour.RED) == {"v": "red"}


@pytest.mark.parametrize(
    ("engine", "value", "why"),
    [
        ("sqlite", 2**63, "64 bits"),
        ("sqlite", -(2**64), "64 bits"),
        ("sqlite", Decimal("100.10"), "decimal"),
        ("sqlite", "\ud800", "surrogate"),
        ("mariadb", "\ud800", "surrogate"),
        ("mariadb", object(), "object"),
        ("mariadb", float("inf"), "inf"),
        ("mariadb", Decimal("NaN"), "NaN"),
        ("postgresql", "\ud800", "surrogate"),
    ],
    indirect=["engine"],
)
def test_what_the_database_does_not_have_is_refused_by_name(db, value, why):
    with pytest.raises(Invalid, match=why) as refused:
        db.one("SELECT :v AS v", v=value)
    assert set(refused.value.errors) == {"v"}


@MARIADB
def test_a_procedure_with_two_result_sets(db):
    db.execute("CREATE PROCEDURE two() BEGIN SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3; END")
    with pytest.raises(Invalid, match="sets"):
        db.all("CALL two()")
    assert db.sets("CALL two()") == [[{"a": 1}], [{"b": 2}, {"b": 3}]]
    db.execute("CREATE PROCEDURE single() BEGIN SELECT 1 AS a WHERE 1 = 0; END")
    assert db.all("CALL single()") == []


@POSTGRESQL
def test_two_statements_in_one_text(db):
    with pytest.raises(Invalid, match="sets"):
        db.all("SELECT 1 AS a WHERE false; SELECT 2 AS b")
    assert db.sets("SELECT 1 AS a WHERE false; SELECT 2 AS b") == [[], [{"b": 2}]]
    script = "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); SELECT a FROM t ORDER BY a"
    assert db.all(script) == [{"a": 1}, {"a": 2}]
    assert db.execute("INSERT INTO t VALUES (3); UPDATE t SET a = a + 1") == 4
    assert db.sets("DELETE FROM t") == []


def test_a_statement_for_many_rows(db):
    db.execute("CREATE TABLE pairs (a INTEGER, b VARCHAR(20))")
    rows = [{"a": number, "b": str(number)} for number in range(100)]
    assert db.execute("INSERT INTO pairs (a, b) VALUES (:a, :b)", rows) == 100
    assert db.execute("INSERT INTO pairs (a, b) VALUES (:a, :b)", []) == 0
    assert db.one("SELECT count(*) AS n, sum(a) AS s FROM pairs") == {"n": 100, "s": 4950}
    with pytest.raises(Invalid, match=r"rows\[1\]\.b: .* not given"):
        db.execute("INSERT INTO pairs (a, b) VALUES (:a, :b)", [{"a": 1, "b": "x"}, {"a": 2}])
    with pytest.raises(Invalid, match="numbers: a list for IN"):
        db.execute("DELETE FROM pairs WHERE a IN :numbers", [{"numbers": [1]}, {"numbers": [2]}])
    assert db.one("SELECT count(*) AS n FROM pairs") == {"n": 100}


def fail_after(block: AbstractContextManager[Statements], *statements: str) -> None:
    """Run statements in a block that ends with an error."""
    with block as connection:
        for statement in statements:
            connection.execute(statement)
        raise ValueError("a fault later on")


def test_statements_without_a_transaction(db, engine):
    alone = {
        "postgresql": ["VACUUM alone", "CREATE INDEX CONCURRENTLY by_a ON alone (a)"],
        "mariadb": [],
        "sqlite": ["VACUUM"],
    }
    db.execute("CREATE TABLE alone (a INTEGER)")
    with pytest.raises(ValueError, match="later on"):
        fail_after(db.autocommit(), "INSERT INTO alone VALUES (1)", *alone[engine])
    assert db.one("SELECT count(*) AS n FROM alone") == {"n": 1}
    with pytest.raises(ValueError, match="later on"):
        fail_after(db.transaction(), "INSERT INTO alone VALUES (2)")
    assert db.one("SELECT count(*) AS n FROM alone") == {"n": 1}


@POSTGRESQL
def test_a_procedure_that_commits(db):
    db.execute("CREATE TABLE steps (a INTEGER)")
    db.execute(
        "CREATE PROCEDURE step() LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO steps VALUES (1); COMMIT; INSERT INTO steps VALUES (2); END $$"
    )
    with db.autocommit() as connection:
        connection.execute("CALL step()")
    assert db.one("SELECT count(*) AS n FROM steps") == {"n": 2}


@POSTGRESQL
def test_a_parameter_that_may_be_null_has_a_cast(db):
    statement = "SELECT 1 AS one WHERE :x::int IS NULL OR 1 = :x::int"
    assert db.one(statement, x=None) == {"one": 1}
    assert db.one(statement, x=2) is None
