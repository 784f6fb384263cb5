"""How the ODB is opened and used: its isolation, and another try where a writer was in the way."""

from __future__ import annotations

import functools
import logging
import os
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc

from ..foundation.errors import Invalid, OtherWriter, Unavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.pool import ConnectionPoolEntry, Pool

log = logging.getLogger("hansa.odb")
P = ParamSpec("P")
T = TypeVar("T")

STATEMENT_LIMIT = 2.0
"""Seconds that a statement may take."""
PATIENCE = 8.0
"""Seconds that a change waits while other writers are at work."""
LONGEST_PAUSE = 0.1
ATTEMPTS = 3
"""Attempts at a change that violates the integrity of the database, as two equal inserts do."""
SQLITE_PATIENCE = 30
NEEDED_SPACE = 2**16
"""Bytes that SQLite needs at least to write: below that an I/O error is one of space."""
LOST = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.InternalError,
    exc.IntegrityError,
    exc.TimeoutError,
)


def open_engine(
    url: str, seconds: float = STATEMENT_LIMIT, *, poolclass: type[Pool] | None = None
) -> Engine:
    """Return an engine for the ODB; a statement may take this many seconds. Raises `Invalid` if
    what opens it is not installed.

    SQLite is in WAL mode with every commit synced, and its writers are in one line from their first
    statement. Other databases are opened by what entry points of the group `hansa.odb` name, by the
    scheme of the URL.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme == "sqlite":
        return _open_sqlite(url, poolclass)
    options = {"poolclass": poolclass} if poolclass else {}
    opener = _opener(scheme, tuple(sys.path))
    if opener is not None:
        return opener(url, seconds, **options)
    why = f"nothing that opens {scheme!r} is installed: pip install 'hansa[postgresql,mysql]'"
    raise Invalid({"odb.url": why})


@functools.lru_cache(maxsize=8)
def _opener(scheme: str, path: tuple[str, ...]) -> Callable[..., Engine] | None:
    """Return what opens databases of a scheme, of what is installed in a path; None if nothing does.

    PERF: the metadata of all distributions is read, which takes 10 ms.
    """
    found = tuple(entry_points(group="hansa.odb", name=scheme))
    if not found:
        return None
    opener: Callable[..., Engine] = found[0].load()
    return opener


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite database; None for one in memory, and for other databases."""
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None


def make_sqlite_file(url: URL) -> None:
    """Make an empty file where an SQLite database has none; raises OSError."""
    file = sqlite_file(url)
    if file is not None:
        file.touch()


def _open_sqlite(url: str, poolclass: type[Pool] | None) -> Engine:
    arguments = {"timeout": SQLITE_PATIENCE, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, poolclass=poolclass)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    event.listen(engine, "handle_error", _let_go)
    file = sqlite_file(engine.url)
    if file is not None:
        _hold_on_to(engine, file)
        event.listen(engine, "handle_error", functools.partial(_name_cause, file))
    return engine


def _name_cause(file: Path, context: ExceptionContext) -> None:
    """Say in an error of SQLite why the file cannot be written, which SQLite calls an I/O error."""
    error = context.original_exception
    # what this module raises has no name
    name = getattr(error, "sqlite_errorname", "")
    cause = unwritable_cause(file, name)
    if cause:
        error.args = (f"{error}: {cause}",)


def unwritable_cause(file: Path, name: str) -> str:
    """Return why a file of SQLite cannot be written after an error of this name, such as
    `SQLITE_FULL`; empty for any other error, and where the cause is not known.
    """
    if name.startswith("SQLITE_FULL"):
        return f"no space is left for {file}"
    if not name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")):
        return ""
    try:
        system = os.statvfs(file.parent)
    except OSError as error:
        return str(error)
    if system.f_flag & os.ST_RDONLY:
        return f"the file system of {file} is read-only"
    if system.f_bavail * system.f_frsize < NEEDED_SPACE:
        return f"no space is left for {file}"
    if not os.access(file, os.W_OK):
        return f"{file} may not be written"
    return ""


def _hold_on_to(engine: Engine, file: Path) -> None:
    """Use no other file than this one: SQLite would make a new one where it is missing, and go on
    with one that was deleted.
    """

    def refuse_missing(*of_the_connection: object) -> None:
        if not file.exists():
            raise sqlite3.OperationalError(f"the file {file} is missing")

    def note_file(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _number_of(file)

    def refuse_deleted(
        connection: sqlite3.Connection, record: ConnectionPoolEntry, proxy: object
    ) -> None:
        if record.info.get("file") != _number_of(file):
            raise exc.DisconnectionError(f"the file {file} is no longer the one that was opened")

    event.listen(engine, "do_connect", refuse_missing)
    event.listen(engine, "connect", note_file)
    event.listen(engine, "checkout", refuse_deleted)


def _number_of(file: Path) -> int:
    """Return the number by which the file system knows a file; 0 if there is none."""
    try:
        return file.stat().st_ino
    except OSError:
        return 0


def _prepare_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_immediate(connection: Connection) -> None:
    # with SQLite's deferred default two writers can both read before either writes, and references
    # dangle
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _let_go(context: ExceptionContext) -> None:
    """Let go of a connection that still reads what another has changed meanwhile: SQLite refuses its
    changes at once, for as long as it reads.
    """
    if getattr(context.original_exception, "sqlite_errorname", "") == "SQLITE_BUSY_SNAPSHOT":
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False


def _is_other_writer(error: Exception) -> bool:
    """Whether another writer was in the way; SQLite, which waits for most, refuses some at once."""
    name = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
    return isinstance(error, OtherWriter) or name.startswith("SQLITE_BUSY")


def guarded(function: Callable[P, T]) -> Callable[P, T]:
    """Try a use of the ODB again where another writer was in the way; it then raises `Unavailable`
    without an ODB.

    What opened the database reports another writer by raising `OtherWriter`; two that insert the
    same are refused.
    """

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        deadline = time.monotonic() + PATIENCE
        attempts = ATTEMPTS
        while True:
            try:
                return function(*arguments, **options)
            except (*LOST, OtherWriter) as error:
                if isinstance(error, exc.IntegrityError):
                    attempts -= 1
                worth_it = isinstance(error, exc.IntegrityError) or _is_other_writer(error)
                if not worth_it or attempts == 0 or time.monotonic() > deadline:
                    raise _unavailable(error) from error
            time.sleep(random.uniform(0, LONGEST_PAUSE))

    return call


def _unavailable(error: Exception) -> Unavailable:
    """Log why the ODB cannot be used, and return the error; only administrators see its reason."""
    cause = getattr(error, "reason", "") or _first_line(error)
    log.error("the ODB cannot be used: %s", cause)
    unavailable = Unavailable("the ODB does not answer at the moment")
    unavailable.reason = cause
    return unavailable


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", error)
    return str(cause).partition("\n")[0]
