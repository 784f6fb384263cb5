"""How an ODB gets its schema: at once if it is empty, by the migrations if it is older; one process at a time."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from sqlalchemy import Engine, NullPool, inspect, text

from hansa.odb import tables as odb


def lock(connection: Any) -> None:
    """Let nobody else change the schema until this connection is closed; SQLite has one writer anyway."""
    locks = {"postgresql": "SELECT pg_advisory_lock(4826721)", "sqlite": "SELECT 1"}
    connection.execute(text(locks.get(connection.dialect.name, "SELECT GET_LOCK('hansa', 600)")))


def create_schema(engine: Engine) -> None:
    """Bring the schema to `SCHEMA_VERSION`: an empty database at once, an older one by Alembic, in a process of its own."""
    url = engine.url.render_as_string(hide_password=False)
    with odb.open_engine(url, 600, poolclass=NullPool).begin() as connection:
        lock(connection)
        found = inspect(connection).get_table_names()
        new = "alembic_version" not in found
        if new and engine.dialect.name in (
            "postgresql",
            "sqlite",
        ):  # what MySQL needs for long texts is in a migration
            odb.metadata.create_all(connection)
            connection.execute(odb.cluster.insert().values(id=1, revision=0))
            connection.execute(
                text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
            )
            connection.execute(
                text("INSERT INTO alembic_version VALUES (:version)"),
                {"version": odb.SCHEMA_VERSION},
            )
            return
        if (
            not new
            and connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            == odb.SCHEMA_VERSION
        ):
            return
    subprocess.run(
        [sys.executable, "-P", "-m", "hansa.odb.migrations"], input=url, text=True, check=True
    )
