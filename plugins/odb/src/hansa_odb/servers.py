"""How the ODB is opened on a database server: drivers, time limits, and a connection that does not wait for ever."""

from __future__ import annotations

from typing import Any

from hansa import Invalid, Unavailable
from sqlalchemy import Engine, create_engine, event, make_url

CONNECT = 2  # seconds: with a statement's limit of as many, a dead database is told within 5, by a ping and a connection
POOL = {"pool_pre_ping": True, "pool_size": 3, "max_overflow": 10, "pool_timeout": CONNECT}
# serialization failures, deadlocks and waits for a lock, of PostgreSQL and MySQL
AGAIN = {"40001", "40P01", "55P03", 1205, 1213}
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}


def open_server(url: str, seconds: float, **options: Any) -> Engine:
    """An engine for a URL whose statements take at most so many seconds; `options` are those of SQLAlchemy, for the pool.

    A statement raises `Unavailable` where another writer was in the way, which is worth another try. Raises `Invalid` if the
    driver is not installed.
    """
    limits: dict[str, Any] = {"connect_timeout": CONNECT}
    patience = (
        seconds * 0.7
    )  # for a lock: whoever waits for another writer is told by a code, and asks again
    if url.startswith("postgresql"):
        limits["options"] = f"-c lock_timeout={patience * 1000:.0f}"
    else:
        limits |= {"read_timeout": seconds, "write_timeout": seconds}
        limits["init_command"] = f"SET SESSION innodb_lock_wait_timeout = {patience:.0f}"
    target = make_url(url)
    target = target.set(drivername=DRIVERS.get(target.drivername, target.drivername))
    try:
        engine = create_engine(
            target, isolation_level="READ COMMITTED", connect_args=limits, **(options or POOL)
        )
    except ModuleNotFoundError as error:
        package = {"psycopg": "'hansa[postgresql]'", "pymysql": "'hansa[mysql]'"}.get(
            str(error.name), error.name
        )
        raise Invalid(
            {"odb.url": f"{error.name} is not installed: pip install {package}"}
        ) from None
    event.listen(engine, "handle_error", _tell_of_writers, retval=True)
    if engine.driver == "psycopg":
        _end_waits(engine, seconds)
    return engine


def _tell_of_writers(context: Any) -> Unavailable | None:
    error = context.original_exception
    found = {getattr(error, "sqlstate", None), *error.args[:1]} & AGAIN
    return Unavailable(f"another writer is in the way: {error}") if found else None


def _end_waits(engine: Engine, seconds: float) -> None:
    import psycopg

    class Connection(psycopg.Connection[Any]):
        """Gives a server up that is there and does not answer, or whose answers are dropped."""

        def wait(
            self, generator: Any, interval: float = 0.1, timeout: float | None = seconds
        ) -> Any:
            try:
                return super().wait(generator, interval, timeout)
            except psycopg.OperationalError as error:
                if (
                    not error.sqlstate
                ):  # it is not the server who says so, and nobody knows what that still does
                    self.pgconn.finish()
                raise

    event.listen(
        engine,
        "do_connect",
        lambda dialect, record, given, named: Connection.connect(*given, **named),
    )
