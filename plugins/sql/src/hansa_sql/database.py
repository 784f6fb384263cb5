"""Where a database is: its settings, the engine of SQLAlchemy they make, and what its driver is told and says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from hansa import TimedOut, Unavailable, setting
from hansa_connect.login import Login
from sqlalchemy import URL, Engine, NullPool, create_engine

DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "oracle": "oracledb", "sqlite": "pysqlite"}
# SQLSTATE, or the number that MariaDB, MySQL or SQLite gives
TIMED_OUT, BUSY = {"57014", 1969, 3024, 9}, {"40001", "40P01", "55P03", 1205, 1213, 5, 6}


class Database(Login):
    """Settings of a connection to a database; SQLite needs no more than the first two."""

    engine: Annotated[
        str,
        setting(
            "postgresql, mysql, mariadb, oracle, sqlite, or another dialect+driver of SQLAlchemy"
        ),
    ]
    database: Annotated[
        str, setting("Its name (Oracle: of the service; SQLite: path, below the server's folder)")
    ]
    max_rows: Annotated[int, setting("Most rows that one call gives; more are refused", ge=1)] = (
        100_000
    )
    options: Annotated[
        dict[str, str | int | float | bool], setting("More arguments of the driver", advanced=True)
    ] = {}


def open_engine(config: Database, folder: Path) -> Engine:
    """An engine without a pool; raises `Unavailable` if its driver is missing, OSError for files of TLS."""
    name, _, driver = config.engine.replace("mariadb", "mysql").partition("+")
    driver = driver or DRIVERS.get(name, "")
    place: Any = {"host": config.host, "port": config.port or None, "database": config.database}
    if name == "sqlite":
        place = {"database": str(folder / config.database)}
    elif name == "oracle":
        place |= {"database": None, "query": {"service_name": config.database}}
    url = URL.create(
        f"{name}+{driver}".strip("+"), config.username or None, config.password, **place
    )
    options: Any = {"poolclass": NullPool, "pool_reset_on_return": None, "hide_parameters": True}
    try:
        return create_engine(
            url, connect_args={**_arguments(config, driver), **config.options}, **options
        )
    except ModuleNotFoundError as error:
        how = (
            f"pip install 'hansa-sql[{name}]'"
            if driver == DRIVERS.get(name)
            else "hansa-sql has no extra for it"
        )
        raise Unavailable(
            f"the driver of {config.engine}, {error.name}, is not installed: {how}"
        ) from error


def _arguments(config: Database, driver: str) -> dict[str, Any]:
    """What connect is told of time - the server too, so that a slow statement ends there and not only here - and of TLS."""
    limit, seconds = config.timeout * 0.95, round(max(2, config.connect_timeout))
    if driver == "psycopg":
        found: dict[str, Any] = {
            "connect_timeout": seconds,
            "options": f"-c statement_timeout={round(limit * 1000)}",
        }
        if config.tls:
            found |= {"sslmode": "verify-full", "sslrootcert": config.tls_ca or "system"}
            found |= {"sslcert": config.tls_certificate or None, "sslkey": config.tls_key or None}
        return found
    if driver == "pymysql":
        # MariaDB and MySQL each take the other's comment for one
        limits = f"/*M! max_statement_time={limit} */ /*!50708 max_execution_time={round(limit * 1000)} */"
        found = {
            "connect_timeout": seconds,
            "read_timeout": config.timeout + 1,
            "ssl": config.context(),
        }
        return found | {"init_command": f"SET SESSION {limits}"}
    if driver == "oracledb":
        tls = {"protocol": "tcps", "ssl_context": config.context()} if config.tls else {}
        return {"tcp_connect_timeout": seconds, **tls}
    return {"timeout": limit, "check_same_thread": False} if driver == "pysqlite" else {}


def translate(what: str, context: Any) -> None:
    """Raise `TimedOut` or `Unavailable` for an error, as of SQLAlchemy's event handle_error, that says no more than that."""
    error = context.original_exception
    codes = {
        getattr(error, "sqlstate", None),
        getattr(error, "sqlite_errorcode", None),
        *error.args[:1],
    }
    if codes & TIMED_OUT:
        raise TimedOut(f"{what}: the statement took too long")
    if context.connection is None or context.is_disconnect or codes & BUSY:
        raise Unavailable(f"{what}: {' '.join(str(error).split())}")
