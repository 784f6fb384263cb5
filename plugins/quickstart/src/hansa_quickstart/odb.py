"""The ODB of a cluster: its URL, its schema, and whether it can be reached."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, create_engine, inspect, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from .failure import INVALID, NO_ODB, ODB_EXISTS, Failure

DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
PORTS: Final = {"postgresql": 5432, "mysql": 3306}
SECONDS: Final = 5
"""How long a connection may take to open."""


def odb_url(type: str, folder: Path, host: str, port: int | None, user: str, database: str, password: str) -> str:
    """The SQLAlchemy URL of a new cluster's ODB; SQLite's is the file `odb.sqlite` in the folder."""
    if type == "sqlite":
        return URL.create("sqlite", database=str(folder / "odb.sqlite")).render_as_string()
    url = URL.create(DRIVERS[type], user, password or None, host, port or PORTS[type], database)
    return url.render_as_string(hide_password=False)


def create_schema(url: str) -> None:
    """Create the schema in an empty database; raises `Failure` if there is one already, or the database cannot be reached."""
    engine = _open(url)
    try:
        if "cluster" in inspect(engine).get_table_names():
            raise Failure(f"{_shown(url)} holds the ODB of a cluster already; name another database", ODB_EXISTS)
    except SQLAlchemyError as error:
        raise Failure(f"{_shown(url)} cannot be reached: {_reason(error)}", NO_ODB) from None
    finally:
        engine.dispose()
    # in a process of its own, as core does it: migrations load everything there is of SQLAlchemy and Alembic
    done = subprocess.run([sys.executable, "-m", "hansa.migrations"], input=url, text=True, capture_output=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Failure(f"the schema could not be created in {_shown(url)}: {last}", NO_ODB)
    if url.startswith("sqlite"):
        Path(str(make_url(url).database)).chmod(0o600)


def check_odb(url: str) -> int | None:
    """The revision of the ODB, None if it has no schema yet; raises `Failure` if it cannot be reached."""
    path = make_url(url).database if url.startswith("sqlite") else None
    if path and not Path(path).parent.is_dir():
        raise Failure(f"SQL ODB: the folder of {path} is missing", NO_ODB)
    if path and not Path(path).exists():
        return None
    engine = _open(url)
    try:
        if "cluster" not in inspect(engine).get_table_names():
            return None
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT revision FROM cluster")).scalar() or 0)
    except SQLAlchemyError as error:
        raise Failure(f"SQL ODB: {_shown(url)} cannot be reached: {_reason(error)}", NO_ODB) from None
    finally:
        engine.dispose()


def _open(url: str) -> Engine:
    limits: dict[str, Any] = {"timeout": SECONDS} if url.startswith("sqlite") else {"connect_timeout": SECONDS}
    try:
        return create_engine(url, connect_args=limits)
    except ModuleNotFoundError as error:
        package = {"psycopg": "psycopg[binary]"}.get(str(error.name), str(error.name))
        raise Failure(f"{_shown(url)} needs the package {package}: pip install '{package}'", NO_ODB) from None
    except (ArgumentError, NoSuchModuleError) as error:
        raise Failure(f"SQL ODB: {error}", INVALID) from None


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _reason(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
