"""Which ODB a server belongs to: noted beside it, so that a start never makes what it should find."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, select

from ..foundation.errors import Invalid
from ..foundation.files import create_file
from . import tables
from .engine import sqlite_file
from .migrations.schema import create_schema

NOTE = "odb.identity"
"""The file in a server's folder that holds the identity of its ODB, once it has used one."""


def open_own(engine: Engine, folder: Path) -> None:
    """Bring the ODB of the server in a folder to the newest schema; the first start makes it.

    Raises `Invalid` if the server had one that is missing now, or is another than this one.
    """
    note = folder / NOTE
    known = note.read_text().strip() if note.exists() else ""
    if known and not _has_schema(engine):
        raise _refusal(engine, note, "is missing: this server had one, and none is found")
    create_schema(engine)
    found = identity(engine)
    if known and found != known:
        raise _refusal(engine, note, "is another than the one this server has used, found")
    create_file(note, f"{found}\n")


def identity(engine: Engine) -> str:
    """Return what tells an ODB from any other."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        return str(connection.execute(select(tables.cluster.c.identity)).scalar())


def _has_schema(engine: Engine) -> bool:
    file = sqlite_file(engine.url)
    if file is not None and not file.exists():
        return False
    return tables.cluster.name in inspect(engine).get_table_names()


def _refusal(engine: Engine, note: Path, what: str) -> Invalid:
    where = engine.url.render_as_string(hide_password=True)
    remedy = f"restore it from a backup; or, to go on with what is there, remove {note}"
    return Invalid({"odb.url": f"the operational database {what} at {where}: {remedy}"})
