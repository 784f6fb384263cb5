"""The engine of SQLAlchemy for a database, and what its driver is told and says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from hansa import HansaError, TimedOut, Unavailable
from hansa_connect.opportunistic_tls import opportunistic
from hansa_connect.remedies import advised
from sqlalchemy import URL, Engine, ExceptionContext, NullPool, create_engine, event
from sqlalchemy.exc import NoSuchModuleError

from .loaders import read_all_values
from .moments import bind_in_utc
from .refusals import remedy_of_connecting
from .settings import DatabaseSettings

DriverArguments: TypeAlias = dict[str, Any]
"""Arguments of a driver's `connect`, whose names and types are its own."""

DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "oracle": "oracledb", "sqlite": "pysqlite"}
"""The drivers that extras of hansa-sql install, by dialect."""

# SQLSTATE, or the number that MariaDB, MySQL or SQLite returns
TIMED_OUT = {"57014", 1969, 3024, 9}
BUSY = {"40001", "40P01", "55P03", 1205, 1213, 5, 6}

STATEMENT_SHARE = 0.95
"""Part of the time limit of a call after which the server is to end its statement."""


def open_engine(config: DatabaseSettings, folder: Path) -> Engine:
    """Return an engine without a pool; `folder` is where SQLite keeps databases.

    Raises `Unavailable` if the dialect or the driver is not installed, and OSError for TLS files
    that cannot be read.
    """
    dialect, _, driver = config.engine.replace("mariadb", "mysql").partition("+")
    default = DRIVERS.get(dialect, "")
    driver = driver or default
    name = f"{dialect}+{driver}" if driver else dialect
    try:
        engine = create_engine(
            _url(config, name, dialect, folder),
            connect_args={**_arguments(config, driver), **config.options},
            poolclass=NullPool,
            pool_reset_on_return=None,
            hide_parameters=True,
            **_dialect_options(driver),
        )
    except NoSuchModuleError as error:
        raise Unavailable(
            f"SQLAlchemy has no dialect {name}; check the setting engine, or install the dialect"
        ) from error
    except ModuleNotFoundError as error:
        how = "hansa-sql has no extra for it"
        if driver == default:
            how = f"pip install 'hansa-sql[{dialect}]'"
        raise Unavailable(
            f"the driver of {config.engine}, {error.name}, is not installed: {how}"
        ) from error
    read_all_values(engine)
    bind_in_utc(engine.dialect)
    if driver == "pymysql":
        event.listen(engine, "do_connect", _connect_pymysql)
    return engine


def _connect_pymysql(
    dialect: object, record: object, arguments: tuple[object, ...], options: DriverArguments
) -> object:
    from pymysql.connections import Connection

    return opportunistic(Connection)(*arguments, **options)


def _dialect_options(driver: str) -> dict[str, bool]:
    """Return options of SQLAlchemy's dialect: addresses of networks are texts, as in any format."""
    return {"native_inet_types": False} if driver == "psycopg" else {}


def _url(config: DatabaseSettings, name: str, dialect: str, folder: Path) -> URL:
    username = config.username or None
    if dialect == "sqlite":
        path = str(folder / config.database)
        return URL.create(name, username, config.password, database=path)
    port = config.port or None
    if dialect == "oracle":
        service = {"service_name": config.database}
        return URL.create(name, username, config.password, config.host, port, query=service)
    return URL.create(name, username, config.password, config.host, port, config.database)


def _arguments(config: DatabaseSettings, driver: str) -> DriverArguments:
    """Return what the driver is told of TLS and time limits.

    The server is told, too, so that a slow statement ends there and not only here.
    """
    arguments_of = {
        "psycopg": _psycopg_arguments,
        "pymysql": _pymysql_arguments,
        "oracledb": _oracledb_arguments,
        "pysqlite": _pysqlite_arguments,
    }
    if driver not in arguments_of:
        return {}
    return arguments_of[driver](config)


def _connect_seconds(config: DatabaseSettings) -> int:
    return round(max(2, config.connect_timeout))


def _statement_seconds(config: DatabaseSettings) -> float:
    return config.timeout * STATEMENT_SHARE


def _psycopg_arguments(config: DatabaseSettings) -> DriverArguments:
    milliseconds = round(_statement_seconds(config) * 1000)
    arguments: DriverArguments = {
        "connect_timeout": _connect_seconds(config),
        "options": f"-c statement_timeout={milliseconds} -c timezone=UTC",
    }
    if config.tls:
        arguments["sslmode"] = "verify-full"
        arguments["sslrootcert"] = config.tls_ca or "system"
        arguments["sslcert"] = config.tls_certificate or None
        arguments["sslkey"] = config.tls_key or None
    return arguments


def _pymysql_arguments(config: DatabaseSettings) -> DriverArguments:
    seconds = _statement_seconds(config)
    milliseconds = round(seconds * 1000)
    # each of MariaDB and MySQL takes the other's setting for a comment
    mariadb = f"/*M! max_statement_time={seconds} */"
    mysql = f"/*!50708 max_execution_time={milliseconds} */"
    return {
        "connect_timeout": _connect_seconds(config),
        "read_timeout": config.timeout + 1,
        "ssl": config.context(),
        "init_command": f"SET SESSION time_zone = '+00:00', {mariadb} {mysql}",
    }


def _oracledb_arguments(config: DatabaseSettings) -> DriverArguments:
    arguments: DriverArguments = {"tcp_connect_timeout": _connect_seconds(config)}
    if config.tls:
        arguments["protocol"] = "tcps"
        arguments["ssl_context"] = config.context()
    return arguments


def _pysqlite_arguments(config: DatabaseSettings) -> DriverArguments:
    return {"timeout": _statement_seconds(config), "check_same_thread": False}


def translate(what: str, tls: bool, context: ExceptionContext) -> None:
    """Raise `TimedOut` or `Unavailable` for an error of the database that says no more than that,
    and errors of ours as they are.

    A listener of SQLAlchemy's event handle_error; `what` names the connection, `tls` says whether
    it is encrypted.
    """
    error = context.original_exception
    if isinstance(error, HansaError):
        raise error
    codes = {
        getattr(error, "sqlstate", None),
        getattr(error, "sqlite_errorcode", None),
        *error.args[:1],
    }
    if codes & TIMED_OUT:
        raise TimedOut(f"{what}: the statement took too long")
    fault = f"{what}: {' '.join(str(error).split())}"
    if context.connection is None:
        raise Unavailable(advised(fault, remedy_of_connecting(error, codes, tls=tls)))
    if context.is_disconnect or codes & BUSY:
        raise Unavailable(fault)
