"""How an ODB gets its schema: at once if it is empty, by the migrations if it is older; one process
at a time.
"""

from __future__ import annotations

import subprocess
import sys
from uuid import uuid4

from sqlalchemy import Connection, Engine, NullPool, exc, inspect, text

from hansa.foundation.errors import Unavailable
from hansa.odb import tables
from hansa.odb.engine import make_sqlite_file, open_engine

MIGRATION_LIMIT = 600.0
"""Seconds that a statement of a migration may take."""
_LOCKS = {"postgresql": "SELECT pg_advisory_lock(4826721)", "sqlite": "SELECT 1"}
_MYSQL_LOCK = "SELECT GET_LOCK('hansa', 600)"
_MAKE_VERSION = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


def lock(connection: Connection) -> None:
    """Let nobody else change the schema until this connection is closed; SQLite has one writer
    anyway.
    """
    connection.execute(text(_LOCKS.get(connection.dialect.name, _MYSQL_LOCK)))


def create_schema(engine: Engine) -> None:
    """Bring the schema to `SCHEMA_VERSION`: an empty database at once, an older one by Alembic, in
    a process of its own.
    """
    url = engine.url.render_as_string(hide_password=False)
    make_sqlite_file(engine.url)
    with open_engine(url, MIGRATION_LIMIT, poolclass=NullPool).begin() as connection:
        lock(connection)
        if "alembic_version" in inspect(connection).get_table_names():
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if version == tables.SCHEMA_VERSION:
                return
        elif engine.dialect.name in ("postgresql", "sqlite"):
            # what MySQL needs for long texts is in a migration
            _create(connection)
            return
    command = [sys.executable, "-P", "-m", "hansa.odb.migrations"]
    subprocess.run(command, input=url, text=True, check=True)


def prepare_odb(url: str) -> None:
    """Create the schema of the operational database (ODB) at a URL, or bring it to the newest
    version.

    Raises `Invalid` if what opens the database is not installed, `Unavailable` if it cannot be
    used.
    """
    engine = open_engine(url, poolclass=NullPool)
    try:
        create_schema(engine)
    except (exc.SQLAlchemyError, subprocess.CalledProcessError, OSError) as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise Unavailable(f"the schema could not be created: {reason}") from error


def _create(connection: Connection) -> None:
    tables.metadata.create_all(connection)
    connection.execute(tables.cluster.insert().values(id=1, revision=0, identity=uuid4().hex))
    connection.execute(text(_MAKE_VERSION))
    insertion = text("INSERT INTO alembic_version VALUES (:version)")
    connection.execute(insertion, {"version": tables.SCHEMA_VERSION})
