"""The ODB: one schema, however it came about, and writers that stand in one line."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hansa import Invalid
from hansa.odb import migrations, tables as odb
from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from hansa.odb.migrations.__main__ import upgrade
from hansa.odb.migrations.schema import create_schema
from sqlalchemy import inspect, select, text

from tests.core.stores import Stores


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def shape(engine: Any) -> dict[str, Any]:
    """Tables, columns, keys and indexes as the database tells them."""
    found = inspect(engine)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted(
                (index["name"], tuple(index["column_names"]), index["unique"])
                for index in found.get_indexes(table)
            ),
        )
        for table in sorted(found.get_table_names())
    }


def content(engine: Any) -> list[Any]:
    with engine.connect() as connection:
        versions = list(connection.execute(text("SELECT * FROM alembic_version")))
        cluster = connection.execute(select(odb.cluster.c.id, odb.cluster.c.revision))
        return [*cluster, *versions]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_migrations_and_a_fresh_start_give_the_same(tmp_path: Path):
    fresh, migrated = (
        open_engine(url(tmp_path / "fresh")),
        open_engine(url(tmp_path / "migrated")),
    )
    create_schema(fresh)
    upgrade(str(migrated.url))
    columns = {name: set(columns) for name, (columns, _, _) in shape(migrated).items()}
    assert columns == {name: set(columns) for name, (columns, _, _) in shape(fresh).items()}
    assert {n: rest for n, (_, *rest) in shape(fresh).items()} == {
        n: rest for n, (_, *rest) in shape(migrated).items()
    }
    assert content(fresh) == content(migrated) == [(1, 0), (odb.SCHEMA_VERSION,)]
    for engine in (fresh, migrated):
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), odb.metadata) == []


def test_there_is_one_newest_revision_and_workers_know_it():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [odb.SCHEMA_VERSION]


def test_an_older_database_is_migrated_and_keeps_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    engine = open_engine(url(tmp_path / "odb"))
    upgrade(str(engine.url))
    Database(engine).log_action("plugin", "x", "block")
    create_schema(engine)
    assert Database(engine).blocked_plugins() == {"x"}
    called: list[Any] = []
    monkeypatch.setattr(
        subprocess, "run", lambda command, **options: called.append((command, options))
    )
    create_schema(engine, "9999")
    ((command, options),) = called
    program = [sys.executable, "-P", "-m", "hansa.odb.migrations"]
    assert command == [*program, "9999"]
    assert options["input"] == str(engine.url)
    assert options["check"]
    monkeypatch.undo()
    current = [*program, odb.SCHEMA_VERSION]
    subprocess.run(current, **options)  # noqa: PLW1510 (among the options)
    assert Database(engine).blocked_plugins() == {"x"}


def test_processes_that_start_at_once_make_one_schema(tmp_path: Path):
    code = f"""
        from hansa.odb.database import Database
        from hansa.odb.engine import open_engine
        from hansa.odb.migrations.schema import create_schema
        engine = open_engine({url(tmp_path / "odb")!r})
        create_schema(engine)
        print(Database(engine).log_action("plugin", "x", "reload"))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [child.communicate(timeout=60) for child in children]
    assert sorted(int(out) for out, _ in answers) == [1, 2, 3], [
        error[-500:] for _, error in answers
    ]


def test_every_commit_is_synced_and_readers_are_not_held_up(store: Stores):
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE cluster SET revision = 99"))
        # the writer has not committed; a reader sees what was, at once
        assert store.database.revision() == 0
    assert store.database.revision() == 99


def test_a_second_writer_waits_from_its_first_statement(store: Stores):
    order: list[str] = []

    def second() -> None:
        with store.engine.begin() as connection:
            order.append(
                f"second reads {connection.execute(select(odb.cluster.c.revision)).scalar()}"
            )

    with store.engine.begin() as connection:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first writes")
        connection.execute(text("UPDATE cluster SET revision = 7"))
    thread.join(10)
    assert order == ["first writes", "second reads 7"]


def test_what_was_stored_is_told_once_it_is_and_nothing_that_was_not(tmp_path: Path):
    stores = Stores.new(tmp_path / "odb")
    told: list[Any] = []
    stores.database.stored = told.append
    stores.database.log_action("plugin", "x", "block", by="ann")
    with contextlib.suppress(ZeroDivisionError), stores.database.transaction("bob") as transaction:
        transaction.log(("channel", "http", "c"), "define", {})
        raise ZeroDivisionError
    with stores.database.transaction("bob") as transaction:
        transaction.log(("channel", "http", "c"), "define", {"url_path": "/c"})
        transaction.log(("channel", "http", "d"), "delete")
        assert len(told) == 1
    assert [(change.revision, change.by) for change in told] == [(1, "ann"), (2, "bob")]
    assert told[0].actions == ((("plugin", "", "x"), "block"),)
    assert told[1].actions == (
        (("channel", "http", "c"), "define"),
        (("channel", "http", "d"), "delete"),
    )


def test_what_a_newer_version_has_upgraded_is_refused(tmp_path: Path):
    engine = open_engine(url(tmp_path / "odb"))
    create_schema(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = content(engine)
    with pytest.raises(Invalid, match=r"schema 9999 of a newer Hansa.*knows up to \d{4}: install"):
        create_schema(engine)
    assert content(engine) == before
