"""The operational database (ODB) of a cluster: its URL, its schema, and whether it can be reached."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hansa import HansaError, prepare_odb

from .failure import INVALID, NO_ODB, ODB_EXISTS, Failure

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from .arguments import DatabaseOptions

DRIVERS: Final = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
PORTS: Final = {"postgresql": 5432, "mysql": 3306}
CONNECT_TIMEOUT: Final = 5
"""Seconds."""
_PACKAGES: Final = {"psycopg": "psycopg[binary]"}
"""Packages that are not named as their module."""
_SQLITE: Final = "sqlite:///"


def sqlite_url(folder: Path) -> str:
    """Return the URL of the SQLite file that is the ODB of the cluster in a folder."""
    return f"{_SQLITE}{folder / 'odb.sqlite'}"


def server_url(type: str, database: DatabaseOptions, password: str) -> str:
    """Return the URL of an ODB on a database server, as SQLAlchemy reads it."""
    from sqlalchemy import URL

    url = URL.create(
        DRIVERS[type],
        database.user,
        password or None,
        database.host,
        database.port or PORTS[type],
        database.name,
    )
    return url.render_as_string(hide_password=False)


def create_schema(url: str) -> None:
    """Create the schema in an empty database.

    Raises `Failure` if it has one already, or cannot be reached.
    """
    if check_odb(url) is not None:
        shown = _without_password(url)
        message = f"{shown} already holds the ODB of a cluster; name another database"
        raise Failure(message, ODB_EXISTS)
    path = _sqlite_path(url)
    if path is not None:
        create_private(path)
    try:
        prepare_odb(url)
    except HansaError as error:
        raise Failure(f"{_without_password(url)}: {error}", NO_ODB) from None


def create_private(path: Path) -> None:
    """Create an empty SQLite database that only its owner can read; raises OSError.

    The files that SQLite puts beside it get the same permissions.
    """
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def check_odb(url: str) -> int | None:
    """Return the revision of an ODB, None if it has no schema yet.

    Raises `Failure` if it cannot be reached.
    """
    # SQLAlchemy takes long to import, and SQLite can do without it
    path = _sqlite_path(url)
    if path is not None:
        return _check_sqlite(path)
    return _check_server(url)


def _sqlite_path(url: str) -> Path | None:
    if not url.startswith(_SQLITE):
        return None
    return Path(url.partition("?")[0].removeprefix(_SQLITE))


def _check_sqlite(path: Path) -> int | None:
    if not path.parent.is_dir():
        raise Failure(f"SQL ODB: the folder of {path} is missing", NO_ODB)
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=CONNECT_TIMEOUT)) as connection:
            tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cluster'")
            if tables.fetchone() is None:
                return None
            row = connection.execute("SELECT revision FROM cluster").fetchone()
    except sqlite3.Error as error:
        raise Failure(f"SQL ODB: {path} cannot be used: {error}", NO_ODB) from None
    return int(row[0]) if row else 0


def _check_server(url: str) -> int | None:
    from sqlalchemy import inspect, text
    from sqlalchemy.exc import SQLAlchemyError

    engine = open_database(url)
    try:
        if "cluster" not in inspect(engine).get_table_names():
            return None
        with engine.connect() as connection:
            revision = connection.execute(text("SELECT revision FROM cluster")).scalar()
    except SQLAlchemyError as error:
        raise unreachable(url, error) from None
    finally:
        engine.dispose()
    return int(revision or 0)


def unreachable(url: str, error: Exception) -> Failure:
    """Return what is said of an ODB that a library's error keeps from being used."""
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return Failure(f"SQL ODB: {_without_password(url)} cannot be reached: {reason}", NO_ODB)


def open_database(url: str) -> Engine:
    """Return an engine for a database server, whose connections are made within 5 s; raises
    `Failure`.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        return create_engine(url, connect_args={"connect_timeout": CONNECT_TIMEOUT})
    except ModuleNotFoundError as error:
        package = _PACKAGES.get(str(error.name), error.name)
        message = f"{_without_password(url)} needs the package {package}: pip install '{package}'"
        raise Failure(message, NO_ODB) from None
    except (ArgumentError, NoSuchModuleError) as error:
        raise Failure(f"SQL ODB: {error}", INVALID) from None


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)
