"""The tables of the ODB, and the way to open it: engine, isolation, schema version."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import sqlalchemy as sql
from sqlalchemy import Column, Engine, Index, MetaData, String, Table, Text, create_engine, event, inspect, text

SCHEMA_VERSION = "0001"
"""The newest Alembic revision; workers compare it without importing Alembic."""

metadata = MetaData()


TYPES: dict[str, Any] = {"int": sql.Integer, "float": sql.Float, "bool": sql.Boolean, "text": Text}
LENGTHS = {"kind": 50, "name": 200, "digest": 64, "setting": 100, "action": 20, "lease": 300, "claim": 500}
TYPES |= {name: String(length) for name, length in LENGTHS.items()}


def _table(name: str, columns: str, *more: Any, identity: str = "kind:kind! type:kind! name:name!") -> Table:
    """A table of `column:type` words, `!` marks the key, `?` may be null; by default keyed by a definition's identity."""
    made = []
    for word in f"{identity} {columns}".split():
        column, _, type_ = word.partition(":")
        options: dict[str, Any] = {"primary_key": type_.endswith("!"), "nullable": type_.endswith("?")}
        made.append(Column(column, TYPES[type_.rstrip("!?")], autoincrement=False, **options))
    return Table(name, metadata, *made, *more)


REVISION, WHO = "revision:int", "by:name at:float"
cluster = _table("cluster", f"id:int! {REVISION}", identity="")
definition = _table("definition", f"data:text {REVISION}")
index = Index("reference_to", "to_kind", "to_name")
reference = _table("reference", "setting:setting! to_kind:kind! to_type:kind! to_name:name!", index)
claim = _table("claim", "claim:claim! kind:kind type:kind name:name", identity="")
source = "source:text services:text sha256:digest mac:digest"
package = _table("package", f"file:name! version:int! current:bool {source} {WHO}", identity="")
change = _table("change", f"{REVISION}! kind:kind type:kind name:name action:action data:text? {WHO}", identity="")
applied = _table("applied", f"worker:name! server:name {REVISION} at:float states:text", identity="")
declared = _table("declared", "sha256:digest")
lease = _table("lease", "name:lease! holder:name token:int expires:float", identity="")


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
        version = text("SELECT version_num FROM alembic_version")
        if "alembic_version" in found and connection.execute(version).scalar() == SCHEMA_VERSION:
            return
    url = engine.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-P", "-m", "hansa.migrations"], input=url, text=True, check=True)
