"""The tables of the ODB, and the way to open it: engine, isolation, schema version."""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sql
from sqlalchemy import Column, Engine, Index, MetaData, String, Table, Text, event, exc

from .errors import Invalid, Unavailable

log = logging.getLogger("hansa.odb")
P = ParamSpec("P")
T = TypeVar("T")
SCHEMA_VERSION = "0003"
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
indexes = Index("definition_revision", "revision"), Index("definition_name", "name")
definition = _table("definition", f"data:text {REVISION}", *indexes)
index = Index("reference_to", "to_kind", "to_name")
reference = _table("reference", "setting:setting! to_kind:kind! to_type:kind! to_name:name!", index)
claim = _table("claim", "claim:claim! kind:kind type:kind name:name", Index("claim_name", "name"), identity="")
source = "source:text services:text sha256:digest mac:digest"
package = _table("package", f"file:name! version:int! current:bool {source} {WHO}", identity="")
identity = f"{REVISION}! kind:kind! type:kind! name:name!"
change = _table("change", f"action:action data:text? {WHO}", identity=identity)
applied = _table("applied", f"worker:name! server:name {REVISION} at:float states:text", identity="")
declared = _table("declared", "sha256:digest")
lease = _table("lease", "name:lease! holder:name token:int expires:float", identity="")


CONNECT = ANSWER = 2  # seconds: a dead database is told within 5, by a ping and a connection that fails
PATIENCE = 8.0  # seconds that a change waits while other writers are at work
POOL = {"pool_pre_ping": True, "pool_size": 3, "max_overflow": 10, "pool_timeout": CONNECT}
DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
LOST = (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.IntegrityError, exc.TimeoutError)
# serialization failures, deadlocks and waits for a lock, of PostgreSQL and MySQL
AGAIN = {"40001", "40P01", "55P03", 1205, 1213}


def open_engine(url: str, seconds: float = ANSWER, **options: Any) -> Engine:
    """An engine for the ODB; a statement may take so many seconds. Raises `Invalid` if its driver is not installed.

    SQLite is in WAL mode with every commit synced, and its writers are in one line from their first statement.
    """
    if not url.startswith("sqlite"):
        return _open_server(url, seconds, options)
    engine = sql.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, **options)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # with SQLite's deferred default two writers can both read before either writes, and references dangle
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _open_server(url: str, seconds: float, options: dict[str, Any]) -> Engine:
    limits: dict[str, Any] = {"connect_timeout": CONNECT}
    patience = seconds * 0.7  # for a lock: whoever waits for another writer is told by a code, and asks again
    if url.startswith("postgresql"):
        limits["options"] = f"-c lock_timeout={patience * 1000:.0f}"
    elif url.startswith(("mysql", "mariadb")):
        limits |= {"read_timeout": seconds, "write_timeout": seconds}
        limits["init_command"] = f"SET SESSION innodb_lock_wait_timeout = {patience:.0f}"
    target = sql.make_url(url)
    target = target.set(drivername=DRIVERS.get(target.drivername, target.drivername))
    try:
        engine = sql.create_engine(target, isolation_level="READ COMMITTED", connect_args=limits, **(options or POOL))
    except ModuleNotFoundError as error:
        package = {"psycopg": "'hansa[postgresql]'", "pymysql": "'hansa[mysql]'"}.get(str(error.name), error.name)
        raise Invalid({"odb.url": f"{error.name} is not installed: pip install {package}"}) from None
    if engine.driver == "psycopg":
        import psycopg

        class Connection(psycopg.Connection[Any]):
            """Gives a server up that is there and does not answer, or whose answers are dropped."""

            def wait(self, generator: Any, interval: float = 0.1, timeout: float | None = seconds) -> Any:
                try:
                    return super().wait(generator, interval, timeout)
                except psycopg.OperationalError as error:
                    if not error.sqlstate:  # it is not the server who says so, and nobody knows what that still does
                        self.pgconn.finish()
                    raise

        event.listen(engine, "do_connect", lambda dialect, record, given, named: Connection.connect(*given, **named))
    return engine


def guarded(function: Callable[P, T]) -> Callable[P, T]:
    """A use of the ODB that is tried again where another writer was in the way; raises `Unavailable` without ODB."""

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        deadline, attempts = time.monotonic() + PATIENCE, 3
        while True:
            try:
                return function(*arguments, **options)
            except LOST as error:
                attempts -= isinstance(error, exc.IntegrityError)  # two have inserted the same
                found = getattr(error, "orig", None) or error
                codes = {getattr(found, "sqlstate", None), *found.args[:1]}
                again = codes & AGAIN or isinstance(error, exc.IntegrityError)
                if not again or not attempts or time.monotonic() > deadline:
                    log.error("the ODB cannot be used: %s", str(found).partition("\n")[0])
                    raise Unavailable("the ODB does not answer at the moment") from error
            time.sleep(random.random() * 0.1)

    return call
