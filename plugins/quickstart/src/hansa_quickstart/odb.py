"""The ODB of a cluster: its URL, its schema, and whether it can be reached."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from .failure import INVALID, NO_ODB, ODB_EXISTS, Failure

DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
PORTS: Final = {"postgresql": 5432, "mysql": 3306}
SECONDS: Final = 5
"""How long a connection may take to open."""


# PERF: SQLAlchemy takes longer to import than a cluster's first server to answer, and SQLite needs none of it


def odb_url(
    type: str,
    folder: Path,
    host: str = "",
    port: int | None = None,
    user: str = "",
    database: str = "",
    password: str = "",
) -> str:
    """The SQLAlchemy URL of a new cluster's ODB; SQLite's is the file `odb.sqlite` in the folder."""
    if type == "sqlite":
        return f"sqlite:///{folder / 'odb.sqlite'}"
    from sqlalchemy import URL

    url = URL.create(DRIVERS[type], user, password or None, host, port or PORTS[type], database)
    return url.render_as_string(hide_password=False)


def create_schema(url: str) -> None:
    """Create the schema in an empty database; raises `Failure` if there is one already, or the database cannot be reached."""
    if check_odb(url) is not None:
        raise Failure(
            f"{_shown(url)} holds the ODB of a cluster already; name another database", ODB_EXISTS
        )
    if path := _sqlite_path(url):
        private(path)
    # in a process of its own, as core does it: migrations load everything there is of SQLAlchemy and Alembic
    done = subprocess.run(
        [sys.executable, "-m", "hansa.odb.migrations"], input=url, text=True, capture_output=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Failure(f"the schema could not be created in {_shown(url)}: {last}", NO_ODB)


def private(path: Path) -> None:
    """Make an empty SQLite database that its owner alone can read; what SQLite puts beside it will be so, too."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def check_odb(url: str) -> int | None:
    """The revision of the ODB, None if it has no schema yet; raises `Failure` if it cannot be reached."""
    if path := _sqlite_path(url):
        return _check_sqlite(path)
    from sqlalchemy import inspect, text
    from sqlalchemy.exc import SQLAlchemyError

    engine = _open(url)
    try:
        if "cluster" not in inspect(engine).get_table_names():
            return None
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT revision FROM cluster")).scalar() or 0)
    except SQLAlchemyError as error:
        raise Failure(
            f"SQL ODB: {_shown(url)} cannot be reached: {_reason(error)}", NO_ODB
        ) from None
    finally:
        engine.dispose()


def _sqlite_path(url: str) -> Path | None:
    return (
        Path(url.partition("?")[0].removeprefix("sqlite:///"))
        if url.startswith("sqlite:///")
        else None
    )


def _check_sqlite(path: Path) -> int | None:
    if not path.parent.is_dir():
        raise Failure(f"SQL ODB: the folder of {path} is missing", NO_ODB)
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=SECONDS)) as connection:
            if not connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'cluster'"
            ).fetchone():
                return None
            return int((connection.execute("SELECT revision FROM cluster").fetchone() or [0])[0])
    except sqlite3.Error as error:
        raise Failure(f"SQL ODB: {path} cannot be used: {error}", NO_ODB) from None


def _open(url: str) -> Any:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        return create_engine(url, connect_args={"connect_timeout": SECONDS})
    except ModuleNotFoundError as error:
        package = {"psycopg": "psycopg[binary]"}.get(str(error.name), str(error.name))
        raise Failure(
            f"{_shown(url)} needs the package {package}: pip install '{package}'", NO_ODB
        ) from None
    except (ArgumentError, NoSuchModuleError) as error:
        raise Failure(f"SQL ODB: {error}", INVALID) from None


def _shown(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def _reason(error: Any) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
