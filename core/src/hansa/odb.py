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
NAME = String(200)

cluster = Table("cluster", metadata, Column("id", Integer, primary_key=True), Column("revision", Integer, nullable=False))
definition = Table(
    "definition",
    metadata,
    Column("kind", String(50), primary_key=True),
    Column("type", String(50), primary_key=True),
    Column("name", NAME, primary_key=True),
    Column("data", Text, nullable=False),
    Column("revision", Integer, nullable=False),
)
reference = Table(
    "reference",
    metadata,
    Column("kind", String(50), primary_key=True),
    Column("type", String(50), primary_key=True),
    Column("name", NAME, primary_key=True),
    Column("setting", String(100), primary_key=True),
    Column("to_kind", String(50), primary_key=True),
    Column("to_name", NAME, primary_key=True),
    Index("reference_to", "to_kind", "to_name"),
)
claim = Table(
    "claim",
    metadata,
    Column("claim", String(500), primary_key=True),
    Column("kind", String(50), nullable=False),
    Column("type", String(50), nullable=False),
    Column("name", NAME, nullable=False),
)
package = Table(
    "package",
    metadata,
    Column("file", NAME, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("current", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("mac", String(64), nullable=False),
    Column("services", Text, nullable=False),
    Column("by", NAME, nullable=False),
    Column("at", Float, nullable=False),
)
change = Table(
    "change",
    metadata,
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(50), nullable=False),
    Column("type", String(50), nullable=False),
    Column("name", NAME, nullable=False),
    Column("action", String(20), nullable=False),
    Column("data", Text),
    Column("by", NAME, nullable=False),
    Column("at", Float, nullable=False),
)
applied = Table(
    "applied",
    metadata,
    Column("worker", NAME, primary_key=True),
    Column("server", NAME, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("states", Text),
)
declared = Table(
    "declared",
    metadata,
    Column("kind", String(50), primary_key=True),
    Column("type", String(50), primary_key=True),
    Column("name", NAME, primary_key=True),
    Column("sha256", String(64), nullable=False),
)
lease = Table(
    "lease",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("holder", NAME, nullable=False),
    Column("token", Integer, nullable=False),
    Column("expires", Float, nullable=False),
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
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def create_schema(engine: Engine) -> None:
    """Bring the schema to `SCHEMA_VERSION`: an empty database at once, an older one by Alembic, in a process of its own."""
    found = inspect(engine).get_table_names()
    if "alembic_version" in found:
        with engine.connect() as connection:
            if connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == SCHEMA_VERSION:
                return
    elif "cluster" not in found:
        with engine.begin() as connection:
            metadata.create_all(connection)
            connection.execute(cluster.insert().values(id=1, revision=0))
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": SCHEMA_VERSION})
        return
    url = engine.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-m", "hansa.migrations"], input=url, text=True, check=True)
