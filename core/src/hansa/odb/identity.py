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
    if not known_identity(folder) or has_schema(engine):
        create_schema(engine)
    check_own(engine, folder)
    create_file(folder / NOTE, f"{identity(engine)}\n")


def check_own(engine: Engine, folder: Path) -> None:
    """Check that the ODB is the one which the server in a folder has used, if it has used one.

    Raises `Invalid`.
    """
    known = known_identity(folder)
    if not known:
        return
    if not has_schema(engine):
        raise _refusal(engine, folder, "is missing: this server had one, and none is found")
    if identity(engine) != known:
        raise _refusal(engine, folder, "is another than the one this server has used, found")


def known_identity(folder: Path) -> str:
    """Return what tells the ODB that the server in a folder has used; empty before its first start."""
    note = folder / NOTE
    return note.read_text().strip() if note.exists() else ""


def identity(engine: Engine) -> str:
    """Return what tells an ODB from any other."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        return str(connection.execute(select(tables.cluster.c.identity)).scalar())


def has_schema(engine: Engine) -> bool:
    """Whether the ODB is there; makes nothing."""
    file = sqlite_file(engine.url)
    if file is not None and not file.exists():
        return False
    return tables.cluster.name in inspect(engine).get_table_names()


def _refusal(engine: Engine, folder: Path, what: str) -> Invalid:
    note = folder / NOTE
    where = engine.url.render_as_string(hide_password=True)
    remedy = f"restore it from a backup; or, to go on with what is there, remove {note}"
    return Invalid({"odb.url": f"the operational database {what} at {where}: {remedy}"})
