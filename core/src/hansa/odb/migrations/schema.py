"""How an ODB gets its schema: at once if it is empty, by the migrations if it is older; one process
at a time.
"""

from __future__ import annotations

import subprocess
import sys
from uuid import uuid4

from sqlalchemy import Connection, Engine, NullPool, exc, inspect, text

from hansa.foundation.errors import Invalid, Unavailable
from hansa.odb import tables
from hansa.odb.engine import make_sqlite_file, open_engine

MIGRATION_LIMIT = 600.0
"""Seconds that a statement of a migration may take."""
_LOCKS = {"postgresql": "SELECT pg_advisory_lock(4826721)", "sqlite": "SELECT 1"}
_MYSQL_LOCK = "SELECT GET_LOCK('hansa', 600)"
VERSION_TABLE = "alembic_version"
"""The table in which Alembic keeps the version of the schema."""
_MAKE_VERSION = f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


def lock(connection: Connection) -> None:
    """Let nobody else change the schema until this connection is closed; SQLite has one writer
    anyway.
    """
    connection.execute(text(_LOCKS.get(connection.dialect.name, _MYSQL_LOCK)))


def create_schema(engine: Engine, version: str = tables.SCHEMA_VERSION) -> None:
    """Bring the schema to a version: an empty database at once to the newest one, everything else
    by Alembic, in a process of its own.

    Raises `Invalid` for a database whose schema is newer than what is installed here.
    """
    url = engine.url.render_as_string(hide_password=False)
    make_sqlite_file(engine.url)
    with open_engine(url, MIGRATION_LIMIT, poolclass=NullPool).begin() as connection:
        lock(connection)
        if VERSION_TABLE in inspect(connection).get_table_names():
            there = schema_version(connection)
            if there > tables.SCHEMA_VERSION:
                raise Invalid({"odb.url": too_new(there)})
            if there == version:
                return
        elif version == tables.SCHEMA_VERSION and engine.dialect.name in ("postgresql", "sqlite"):
            # what MySQL needs for long texts is in a migration
            _create(connection)
            return
    command = [sys.executable, "-P", "-m", "hansa.odb.migrations", version]
    subprocess.run(command, input=url, text=True, check=True)


def schema_version(connection: Connection) -> str:
    """Return the version of the schema of an ODB."""
    return str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar())


def too_new(version: str) -> str:
    """Return why an ODB with the schema of a newer Hansa is refused, and what can be done."""
    return (
        f"the operational database has the schema {version} of a newer Hansa, and the one that is "
        f"installed here knows up to {tables.SCHEMA_VERSION}: install the newer one again, or "
        "restore a backup that was made before the upgrade"
    )


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
