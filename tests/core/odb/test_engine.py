"""Changes of an SQLite database that it refuses at once, since another writer was in the way."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from hansa.odb.migrations.schema import create_schema


def test_a_connection_that_still_reads_what_has_changed_is_let_go(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'odb'}"
    engine, another = open_engine(url), open_engine(url)
    create_schema(engine)
    with contextlib.closing(engine.raw_connection()) as connection:
        reading = connection.cursor()
        reading.execute("SELECT name FROM sqlite_master")
        assert reading.fetchone() is not None
    # the only connection of the pool, which the next change gets
    Database(another).log_action("plugin", "first", "block")
    assert Database(engine).log_action("plugin", "second", "block") == 2
    del reading
    for each in (engine, another):
        each.dispose()
