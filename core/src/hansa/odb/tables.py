"""The tables of the ODB, and the way to open it: engine, isolation, schema version."""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, ParamSpec, TypeVar, cast

import sqlalchemy as sql
from sqlalchemy import Column, Engine, Index, MetaData, String, Table, Text, event, exc

from ..foundation.errors import Invalid, Unavailable

log = logging.getLogger("hansa.odb")
P = ParamSpec("P")
T = TypeVar("T")
SCHEMA_VERSION = "0003"
"""The newest Alembic revision; workers compare it without importing Alembic."""

metadata = MetaData()


TYPES: dict[str, Any] = {"int": sql.Integer, "float": sql.Float, "bool": sql.Boolean, "text": Text}
LENGTHS = {
    "kind": 50,
    "name": 200,
    "digest": 64,
    "setting": 100,
    "action": 20,
    "lease": 300,
    "claim": 500,
}
TYPES |= {name: String(length) for name, length in LENGTHS.items()}


def _table(
    name: str, columns: str, *more: Any, identity: str = "kind:kind! type:kind! name:name!"
) -> Table:
    """A table of `column:type` words, `!` marks the key, `?` may be null; by default keyed by a definition's identity."""
    made = []
    for word in f"{identity} {columns}".split():
        column, _, type_ = word.partition(":")
        options: dict[str, Any] = {
            "primary_key": type_.endswith("!"),
            "nullable": type_.endswith("?"),
        }
        made.append(Column(column, TYPES[type_.rstrip("!?")], autoincrement=False, **options))
    return Table(name, metadata, *made, *more)


REVISION, WHO = "revision:int", "by:name at:float"
cluster = _table("cluster", f"id:int! {REVISION}", identity="")
indexes = Index("definition_revision", "revision"), Index("definition_name", "name")
definition = _table("definition", f"data:text {REVISION}", *indexes)
index = Index("reference_to", "to_kind", "to_name")
reference = _table("reference", "setting:setting! to_kind:kind! to_type:kind! to_name:name!", index)
claim = _table(
    "claim", "claim:claim! kind:kind type:kind name:name", Index("claim_name", "name"), identity=""
)
source = "source:text services:text sha256:digest mac:digest"
package = _table("package", f"file:name! version:int! current:bool {source} {WHO}", identity="")
identity = f"{REVISION}! kind:kind! type:kind! name:name!"
change = _table("change", f"action:action data:text? {WHO}", identity=identity)
applied = _table(
    "applied", f"worker:name! server:name {REVISION} at:float states:text", identity=""
)
declared = _table("declared", "sha256:digest")
lease = _table("lease", "name:lease! holder:name token:int expires:float", identity="")


ANSWER = 2  # seconds that a statement may take
PATIENCE = 8.0  # seconds that a change waits while other writers are at work
LOST = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.InternalError,
    exc.IntegrityError,
    exc.TimeoutError,
)


def open_engine(url: str, seconds: float = ANSWER, **options: Any) -> Engine:
    """An engine for the ODB; a statement may take so many seconds. Raises `Invalid` if what opens it is not installed.

    SQLite is in WAL mode with every commit synced, and its writers are in one line from their first statement. Other databases are
    opened by what entry points of the group `hansa.odb` name, by the scheme of the URL.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme != "sqlite":
        for entry in entry_points(group="hansa.odb", name=scheme):
            return cast(Engine, entry.load()(url, seconds, **options))
        raise Invalid(
            {
                "odb.url": f"nothing that opens {scheme!r} is installed: pip install 'hansa[postgresql,mysql]'"
            }
        )
    engine = sql.create_engine(
        url, connect_args={"timeout": 30, "check_same_thread": False}, **options
    )

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


def guarded(function: Callable[P, T]) -> Callable[P, T]:
    """A use of the ODB that is tried again where another writer was in the way; raises `Unavailable` without ODB.

    What opened the database tells of another writer by raising `Unavailable`; two that insert the same are refused.
    """

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        deadline, attempts = time.monotonic() + PATIENCE, 3
        while True:
            try:
                return function(*arguments, **options)
            except (*LOST, Unavailable) as error:
                attempts -= isinstance(error, exc.IntegrityError)
                again = attempts and isinstance(error, exc.IntegrityError | Unavailable)
                if not again or time.monotonic() > deadline:
                    log.error(
                        "the ODB cannot be used: %s",
                        str(getattr(error, "orig", error)).partition("\n")[0],
                    )
                    raise Unavailable("the ODB does not answer at the moment") from error
            time.sleep(random.random() * 0.1)

    return call
