"""The tables of the ODB, and the way to open it: engine, isolation, schema version."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    text,
)

SCHEMA_VERSION = "0001"
"""The newest Alembic revision; workers compare it without importing Alembic."""

metadata = MetaData()


def _columns(type_: Any, *names: str, key: bool = False) -> list[Column[Any]]:
    return [Column(name, type_, primary_key=key, nullable=False, autoincrement=False) for name in names]


def _table(name: str, *columns: Any, identity: bool = True) -> Table:
    """A table; with `identity`, its key begins with the kind, type and name of a definition."""
    key = [*_columns(KIND, "kind", "type", key=True), *_columns(NAME, "name", key=True)] if identity else []
    return Table(name, metadata, *key, *columns)


KIND, NAME, DIGEST = String(50), String(200), String(64)

cluster = _table("cluster", *_columns(Integer, "id", key=True), *_columns(Integer, "revision"), identity=False)
definition = _table("definition", *_columns(Text, "data"), *_columns(Integer, "revision"))
reference = _table(
    "reference",
    *_columns(String(100), "setting", key=True),
    *_columns(KIND, "to_kind", "to_type", key=True),
    *_columns(NAME, "to_name", key=True),
    Index("reference_to", "to_kind", "to_name"),
)
claim = _table(
    "claim",
    *_columns(String(500), "claim", key=True),
    *_columns(KIND, "kind", "type"),
    *_columns(NAME, "name"),
    identity=False,
)
package = _table(
    "package",
    *_columns(NAME, "file", key=True),
    *_columns(Integer, "version", key=True),
    *_columns(Boolean, "current"),
    *_columns(Text, "source", "services"),
    *_columns(DIGEST, "sha256", "mac"),
    *_columns(NAME, "by"),
    *_columns(Float, "at"),
    identity=False,
)
change = _table(
    "change",
    *_columns(Integer, "revision", key=True),
    *_columns(KIND, "kind", "type"),
    *_columns(NAME, "name", "by"),
    *_columns(String(20), "action"),
    *_columns(Float, "at"),
    Column("data", Text),
    identity=False,
)
applied = _table(
    "applied",
    *_columns(NAME, "worker", key=True),
    *_columns(NAME, "server"),
    *_columns(Integer, "revision"),
    *_columns(Float, "at"),
    *_columns(Text, "states"),
    identity=False,
)
declared = _table("declared", *_columns(DIGEST, "sha256"))
lease = _table(
    "lease",
    *_columns(String(300), "name", key=True),
    *_columns(NAME, "holder"),
    *_columns(Integer, "token"),
    *_columns(Float, "expires"),
    identity=False,
)


def open_engine(url: str) -> Engine:
    """An engine for the ODB; SQLite in WAL mode with every commit synced, and writers in one line from their first statement."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=3, max_overflow=10)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=30000")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # with SQLite's deferred default two writers can both read before either writes, and references dangle
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def create_schema(engine: Engine) -> None:
    """Bring the schema to `SCHEMA_VERSION`: an empty database at once, an older one by Alembic, in a process of its own."""
    with engine.begin() as connection:
        found = inspect(connection).get_table_names()
        if "cluster" not in found:
            metadata.create_all(connection)
            connection.execute(cluster.insert().values(id=1, revision=0))
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": SCHEMA_VERSION})
            return
        if "alembic_version" in found:
            if connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == SCHEMA_VERSION:
                return
    url = engine.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-m", "hansa.migrations"], input=url, text=True, check=True)
