"""How the operational database (ODB) is opened on a database server: drivers and time limits."""

from __future__ import annotations

from typing import Final, TypeAlias

from hansa import Invalid, OtherWriter
from hansa_connect.opportunistic_tls import opportunistic
from sqlalchemy import URL, Engine, ExceptionContext, Pool, create_engine, event, make_url

CONNECT_TIMEOUT: Final = 2
"""Seconds. With a statement limit of as many, a dead database is noticed within 5: by the ping of a
pooled connection and by a new connection.
"""
LOCK_SHARE: Final = 0.7
"""How much of the statement limit may be spent on waiting for a lock: the database then reports by
a code of its own that another writer was in the way.
"""
POOL_SIZE: Final = 3
MAX_OVERFLOW: Final = 10

_RETRIABLE: Final = frozenset({"40001", "40P01", "55P03", 1205, 1213})
"""Serialization failures, deadlocks and lock timeouts: SQLSTATEs of PostgreSQL, errors of MySQL."""
_DRIVERS: Final = {
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_EXTRAS: Final = {"psycopg": "hansa[postgresql]", "pymysql": "hansa[mysql]"}
"""What installs a driver, by its module."""

ConnectArguments: TypeAlias = dict[str, object]
"""Keyword arguments of a driver's `connect`."""


def open_server(url: str, seconds: float, *, poolclass: type[Pool] | None = None) -> Engine:
    """Return an engine for a URL, whose statements may take this many seconds.

    A statement raises `OtherWriter` if another writer was in the way, so that another attempt is
    worthwhile. `poolclass` replaces the default pool. Raises `Invalid` if the driver is not
    installed.
    """
    target = _with_driver(make_url(url))
    limits = _time_limits(target, seconds)
    try:
        engine = _create_engine(target, limits, poolclass)
    except ModuleNotFoundError as error:
        raise Invalid({"odb.url": _missing(str(error.name))}) from None
    event.listen(engine, "handle_error", _report_other_writers, retval=True)
    if engine.driver == "psycopg":
        from .psycopg_timeouts import limit_waits

        limit_waits(engine, seconds)
    if engine.driver == "pymysql":
        event.listen(engine, "do_connect", _connect_pymysql)
    return engine


def _connect_pymysql(
    dialect: object, record: object, arguments: tuple[object, ...], options: ConnectArguments
) -> object:
    from pymysql.connections import Connection

    return opportunistic(Connection)(*arguments, **options)


def _with_driver(url: URL) -> URL:
    """Name the driver, unless the URL names one."""
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def _time_limits(url: URL, seconds: float) -> ConnectArguments:
    """Return the limits of a connection, as the driver takes them."""
    patience = seconds * LOCK_SHARE
    if url.get_backend_name() == "postgresql":
        return {
            "connect_timeout": CONNECT_TIMEOUT,
            "options": f"-c lock_timeout={patience * 1000:.0f}",
        }
    return {
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": seconds,
        "write_timeout": seconds,
        "init_command": f"SET SESSION innodb_lock_wait_timeout = {patience:.0f}",
    }


def _create_engine(url: URL, limits: ConnectArguments, poolclass: type[Pool] | None) -> Engine:
    if poolclass is not None:
        return create_engine(
            url, isolation_level="READ COMMITTED", connect_args=limits, poolclass=poolclass
        )
    return create_engine(
        url,
        isolation_level="READ COMMITTED",
        connect_args=limits,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        pool_timeout=CONNECT_TIMEOUT,
    )


def _missing(module: str) -> str:
    package = f"'{_EXTRAS[module]}'" if module in _EXTRAS else module
    return f"{module} is not installed: pip install {package}"


def _report_other_writers(context: ExceptionContext) -> OtherWriter | None:
    """Return the exception for a statement that another writer was in the way of, if it was that."""
    error = context.original_exception
    codes = {getattr(error, "sqlstate", None), *error.args[:1]}
    if codes.isdisjoint(_RETRIABLE):
        return None
    return OtherWriter(f"another writer is in the way: {error}")
