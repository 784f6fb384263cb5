"""The content of an ODB as rows, read in one consistent transaction and written into an empty one,
whichever databases the two are.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from sqlalchemy import Column, Connection, Engine, NullPool, Table, exc, inspect, select, text

from ..foundation.errors import Invalid, Unavailable
from . import tables
from .engine import make_sqlite_file, open_engine
from .migrations.schema import VERSION_TABLE, create_schema, schema_version, too_new

COPY_LIMIT = 600.0
"""Seconds that a statement may take."""
PORTION = 500
"""Rows that are read, or written, at once."""
PASSING = frozenset({tables.applied.name, "mail"})
"""Tables that are not copied: what workers report of themselves and tell each other, which concerns
nobody who starts later.
"""

OdbRow: TypeAlias = tuple[str, Mapping[str, str | int | float | bool | None]]
"""The name of a table, and the values of a row by column."""


class OdbSnapshot:
    """An ODB as it was at one moment."""

    newest = tables.SCHEMA_VERSION
    """The version to which the next start of a server brings the schema."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        found = inspect(connection)
        there = set(found.get_table_names())
        if not {VERSION_TABLE, tables.cluster.name} <= there:
            raise Invalid({"odb.url": "there is no operational database"})
        self.version = schema_version(connection)
        """The version of its schema."""
        row = connection.execute(select(tables.cluster.c.revision)).one()
        self.revision = int(row.revision)
        """The newest revision of the cluster."""
        self._columns: dict[str, list[Column[object]]] = {}
        for name, table in tables.metadata.tables.items():
            if name in there and name not in PASSING:
                columns = {column["name"] for column in found.get_columns(name)}
                self._columns[name] = [one for one in table.columns if one.name in columns]

    def rows(self) -> Iterator[OdbRow]:
        """Yield every row, table by table, in the order of their keys."""
        for name, columns in self._columns.items():
            keys = [one for one in columns if one.primary_key]
            streamed = self._connection.execution_options(yield_per=PORTION)
            for row in streamed.execute(select(*columns).order_by(*keys)):
                yield name, dict(row._mapping)


@contextmanager
def read_odb(url: str) -> Iterator[OdbSnapshot]:
    """Read the operational database (ODB) at a URL as it is at this moment, whatever is written
    meanwhile; no writer waits for it.

    Raises `Invalid` if there is none, `Unavailable` if it cannot be read.
    """
    engine = open_engine(url, COPY_LIMIT, poolclass=NullPool)
    try:
        with _reading(engine) as connection:
            yield OdbSnapshot(connection)
    except exc.SQLAlchemyError as error:
        raise _unusable("read", error) from error
    finally:
        engine.dispose()


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that sees one state of the database."""
    is_sqlite = engine.dialect.name == "sqlite"
    level = "AUTOCOMMIT" if is_sqlite else "REPEATABLE READ"
    with engine.connect().execution_options(isolation_level=level) as connection:
        if is_sqlite:
            # a transaction of the engine would keep writers out
            connection.exec_driver_sql("BEGIN")
        yield connection
        if is_sqlite:
            connection.exec_driver_sql("ROLLBACK")


def write_odb(url: str, version: str, rows: Iterable[OdbRow]) -> dict[str, int]:
    """Write rows that were read from an operational database (ODB) into an empty database, and
    bring it to the newest schema; returns how many there were of each table.

    `version` is that of the schema that they were read from. All of them are written, or the
    database is empty again. Raises `Invalid` if it is not empty or the rows are of a newer
    version, `Unavailable` if it cannot be written.
    """
    if version > tables.SCHEMA_VERSION:
        raise Invalid({"": too_new(version)})
    engine = open_engine(url, COPY_LIMIT, poolclass=NullPool)
    try:
        make_sqlite_file(engine.url)
        if inspect(engine).get_table_names():
            shown = engine.url.render_as_string(hide_password=True)
            raise Invalid({"odb.url": f"the database {shown} is not empty"})
        try:
            return _fill(engine, version, rows)
        except BaseException:
            _empty(engine)
            raise
    except (exc.SQLAlchemyError, subprocess.CalledProcessError, OSError) as error:
        raise _unusable("written", error) from error
    finally:
        engine.dispose()


def _fill(engine: Engine, version: str, rows: Iterable[OdbRow]) -> dict[str, int]:
    create_schema(engine, version)
    counts: dict[str, int] = {}
    with engine.begin() as connection:
        connection.execute(tables.cluster.delete())
        for name, portion in _portions(rows):
            table = _table(name)
            connection.execute(table.insert(), portion)
            counts[name] = counts.get(name, 0) + len(portion)
    create_schema(engine)
    return counts


def _table(name: str) -> Table:
    """Return a table by its name; raises `Invalid` for one that no ODB has."""
    table = tables.metadata.tables.get(name)
    if table is None:
        raise Invalid({"": f"an operational database has no table {name}"})
    return table


def _portions(rows: Iterable[OdbRow]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield rows of the same table together, a portion at a time."""
    portion: list[dict[str, object]] = []
    current = ""
    for name, row in rows:
        if portion and (name != current or len(portion) == PORTION):
            yield current, portion
            portion = []
        current = name
        portion.append(dict(row))
    if portion:
        yield current, portion


def empty_odb(url: str) -> None:
    """Remove what `write_odb` has written into a database; raises `Unavailable`."""
    engine = open_engine(url, COPY_LIMIT, poolclass=NullPool)
    try:
        _empty(engine)
    except exc.SQLAlchemyError as error:
        raise _unusable("emptied", error) from error
    finally:
        engine.dispose()


def _empty(engine: Engine) -> None:
    """Remove the tables again, which were made here."""
    with engine.begin() as connection:
        tables.metadata.drop_all(connection)
        connection.execute(text(f"DROP TABLE IF EXISTS {VERSION_TABLE}"))


def _unusable(what: str, error: Exception) -> Unavailable:
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return Unavailable(f"the operational database cannot be {what}: {reason}")
