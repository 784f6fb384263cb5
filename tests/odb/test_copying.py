"""An ODB copied from any database into any other, while others write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hansa import Invalid, read_odb, write_odb
from hansa.odb import tables
from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from hansa.odb.migrations.__main__ import upgrade
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from sqlalchemy import Engine, inspect, text, update

TEXT = 'ünïcödé \U0001f6a2 "quoted" \\ \n\t' + "long " * 20_000
SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}
PAIRS = [
    ("sqlite", "postgresql"),
    ("postgresql", "mariadb"),
    ("mariadb", "sqlite"),
    ("sqlite", "sqlite"),
]


def fill(engine: Engine) -> None:
    """A row in each table, and some hundred definitions."""
    with engine.begin() as connection:
        connection.execute(
            update(tables.cluster).values(revision=7, key_check="f" * 64, history_from=None)
        )
        for number in range(1203):
            connection.execute(
                tables.definition.insert().values(
                    kind="channel",
                    type="http",
                    name=f"Name {number}",
                    data='{"a": 1}',
                    revision=7,
                )
            )
        row = {"kind": "service", "type": "", "name": "größe", "revision": 7, "by": "admin"}
        connection.execute(
            tables.change.insert().values(action="create", data=TEXT, at=1764547200.123456, **row)
        )
        connection.execute(
            tables.package.insert(),
            [
                {
                    "file": "a.py",
                    "version": version,
                    "current": version == 2,
                    "source": TEXT,
                    "services": "{}",
                    "sha256": "0" * 64,
                    "mac": "1" * 64,
                    "by": "admin",
                    "at": 1764547200.1,
                }
                for version in (1, 2)
            ],
        )
        connection.execute(tables.journal.insert().values(name="audit", number=1, text=TEXT))
        connection.execute(
            tables.applied.insert().values(
                worker="w", server="s", revision=7, at=1.0, states="{}", keys=None
            )
        )


def copied(url: str) -> tuple[str, list[Any]]:
    with read_odb(url) as snapshot:
        return snapshot.version, list(snapshot.rows())


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_row_is_the_same(
    source: str, target: str, tmp_path: Path, real_server: Callable[..., Any]
):
    def url(name: str, file: str) -> str:
        if name in SERVERS:
            return str(real_server(SERVERS[name]).database())
        return f"sqlite:///{tmp_path / file}"

    old, new = url(source, "old"), url(target, "new")
    write_odb(old, tables.SCHEMA_VERSION, [("cluster", {"id": 1, "revision": 0})])
    engine = open_engine(old)
    fill(engine)
    engine.dispose()

    version, rows = copied(old)
    counts = write_odb(new, version, iter(rows))

    assert copied(new) == (version, rows)
    assert counts["definition"] == 1203 and counts["package"] == 2
    assert "applied" not in counts
    with pytest.raises(Invalid, match="not empty"):
        write_odb(new, version, iter(rows))
    assert copied(new) == (version, rows)


@pytest.mark.timeout(120)
def test_a_copy_is_one_revision_while_others_write(url: str):
    """Each change writes two tables; the copy has both, and no writer waits for it."""
    write_odb(url, tables.SCHEMA_VERSION, [("cluster", {"id": 1, "revision": 0})])
    engine = open_engine(url)
    database = Database(engine)
    stop = threading.Event()
    failed: list[Exception] = []

    def write() -> None:
        try:
            while not stop.is_set():
                with database.transaction("writer") as transaction:
                    transaction.log(("plugin", "", f"p{transaction.revision}"), "block")
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        seen = 0
        for _ in range(4):
            with read_odb(url) as snapshot:
                first = database.revision()
                while database.revision() < first + 3 and not failed:
                    pass
                rows = list(snapshot.rows())
            logged = [row["revision"] for name, row in rows if name == "change"]
            (cluster,) = [row for name, row in rows if name == "cluster"]
            assert cluster["revision"] == snapshot.revision
            assert logged == list(range(1, snapshot.revision + 1))
            assert snapshot.revision >= seen
            seen = snapshot.revision
    finally:
        stop.set()
        thread.join(30)
        engine.dispose()
    assert not failed


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_an_older_version_has_written_is_brought_to_the_newest_schema(
    url: str, tmp_path: Path
):
    old = f"sqlite:///{tmp_path / 'older'}"
    upgrade(old, "0004")
    engine = open_engine(old)
    with engine.begin() as connection:
        connection.execute(text("UPDATE cluster SET revision = 3"))
    engine.dispose()
    version, rows = copied(old)
    assert version == "0004"
    write_odb(url, version, iter(rows))
    with read_odb(url) as snapshot:
        assert (snapshot.version, snapshot.revision) == (tables.SCHEMA_VERSION, 3)


def test_what_a_newer_version_has_written_is_refused(tmp_path: Path):
    with pytest.raises(Invalid, match="schema 9999 of a newer Hansa"):
        write_odb(f"sqlite:///{tmp_path / 'odb'}", "9999", [])


def test_what_fails_half_way_leaves_the_database_empty(url: str):
    rows = [("cluster", {"id": 1, "revision": 0}), ("nonsense", {"a": 1})]
    with pytest.raises(Invalid, match="no table nonsense"):
        write_odb(url, tables.SCHEMA_VERSION, iter(rows))
    engine = open_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    write_odb(url, tables.SCHEMA_VERSION, rows[:1])


def test_nothing_is_no_odb(tmp_path: Path):
    (tmp_path / "odb").touch()
    with (
        pytest.raises(Invalid, match="no operational database"),
        read_odb(f"sqlite:///{tmp_path / 'odb'}"),
    ):
        pytest.fail("there is none")
