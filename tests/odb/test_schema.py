"""One schema on each database, however it came about: made at once, migrated from the first
version, or by several processes.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest
from hansa.contract.packages import PackageVersion
from hansa.odb import tables as odb
from hansa.odb.engine import open_engine
from hansa.odb.keys import Keys, signed_source
from hansa.odb.migrations.__main__ import upgrade
from hansa.odb.migrations.schema import create_schema
from sqlalchemy import MetaData, insert, inspect, select, text

from tests.core.definitions.test_store import ROW, define
from tests.core.stores import Stores
from tests.odb.conftest import SERVERS

OPEN = """
    import sys
    from hansa.odb.database import Database
    from hansa.odb.engine import open_engine
    from hansa.odb.migrations.schema import create_schema
    engine = open_engine(sys.stdin.read())
    create_schema(engine)
    print(Database(engine).log_action("plugin", "x", "reload"))
"""


def shape(engine: Any) -> dict[str, Any]:
    """Tables, columns, keys and indexes, as the database tells them."""
    found = inspect(engine)
    return {
        table: (
            {c["name"]: (repr(c["type"]), c["nullable"]) for c in found.get_columns(table)},
            found.get_pk_constraint(table)["constrained_columns"],
            sorted(
                (index["name"], tuple(index["column_names"])) for index in found.get_indexes(table)
            ),
            found.get_table_options(table) if engine.dialect.name == "mysql" else {},
        )
        for table in sorted(found.get_table_names())
        if table != "alembic_version"
    }


def version(engine: Any) -> str | None:
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def at_first_version(url: str) -> None:
    """Make what version 0001 was, with something in every table that a cluster misses when it is
    gone.
    """
    upgrade(url, "0001")
    engine = open_engine(url)
    tables = MetaData()
    tables.reflect(engine)
    by = {"by": "jane", "at": 1_700_000_000.0}
    rows: dict[str, dict[str, Any]] = {
        "definition": {
            "kind": "channel",
            "type": "http",
            "name": "a",
            "data": '{"path": "/é"}',
            "revision": 1,
        },
        "claim": {"claim": "channel path /é", "kind": "channel", "type": "http", "name": "a"},
        "change": {
            "revision": 1,
            "kind": "channel",
            "type": "http",
            "name": "a",
            "action": "define",
            "data": None,
            **by,
        },
        "package": {
            "file": "x.py",
            "version": 1,
            "current": True,
            "source": "pass",
            "sha256": "0",
            "mac": Keys("A" * 43 + "=").sign(signed_source("x.py", "pass")),
            "services": '{"X": "x"}',
            **by,
        },
    }
    with engine.begin() as connection:
        for table, row in rows.items():
            connection.execute(insert(tables.tables[table]).values(row))
        connection.execute(text("UPDATE cluster SET revision = 1"))
    engine.dispose()


def many(url: str, number: int = 3) -> list[int]:
    """Open the database in several processes at once and write with each; the revisions that they
    got.
    """
    command = [sys.executable, "-c", textwrap.dedent(OPEN)]
    streams: Any = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    children = [subprocess.Popen(command, **streams) for _ in range(number)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(url)
        child.stdin.close()
        child.stdin = None
    answers = [child.communicate(timeout=60) for child in children]
    assert not any(child.returncode for child in children), [error[-1500:] for _, error in answers]
    return sorted(int(out) for out, _ in answers)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("database", SERVERS)
def test_migrations_and_a_fresh_start_give_the_same(database: str, real_server: Callable[..., Any]):
    urls = [real_server(SERVERS[database]).database() for _ in range(2)]
    fresh, migrated = map(open_engine, urls)
    create_schema(fresh)
    upgrade(urls[1])
    assert shape(fresh) == shape(migrated)
    assert version(fresh) == version(migrated) == odb.SCHEMA_VERSION
    for engine in (fresh, migrated):
        with engine.connect() as connection:
            (row,) = connection.execute(select(odb.cluster))
            assert (row.id, row.revision) == (1, 0)
            assert row.identity
        engine.dispose()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_odb_of_the_first_version_keeps_what_it_holds_and_takes_what_it_could_not(url: str):
    at_first_version(url)
    store = Stores.over(open_engine(url))
    create_schema(store.engine)
    assert version(store.engine) == odb.SCHEMA_VERSION
    assert [row.data for row in store.definitions.all()] == [{"path": "/é"}]
    assert store.packages.versions() == [
        PackageVersion("x.py", 1, "pass", "0", {"X": "x"}, "jane", 1_700_000_000.0, True)
    ]
    assert [change.name for change in store.database.changes(0)] == ["a"]
    assert store.packages.deploy({"y.py": "# 🌍\n" * 20_000}, {"y.py": {"Y": "y"}}) == (
        {"y.py": 1},
        2,
    )
    define(store, ROW)
    store.reports.report("w", "s", 3)
    assert abs(store.reports.all()["w"].at - time.time()) < 5


def test_processes_that_start_at_once_make_one_schema(url: str):
    assert many(url) == [1, 2, 3]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_processes_that_start_at_once_migrate_once(url: str):
    at_first_version(url)
    assert many(url, 2) == [2, 3]
    store = Stores.over(open_engine(url))
    assert version(store.engine) == odb.SCHEMA_VERSION
    assert [row.data for row in store.definitions.all()] == [{"path": "/é"}]
