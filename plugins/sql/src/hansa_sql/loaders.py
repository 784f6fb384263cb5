"""Values that drivers cannot decode, such as `infinity`, are read as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from psycopg.abc import Loader

DriverConnection: TypeAlias = Any
"""A connection of a driver, whose type is its own."""

PERIODS = ("date", "time", "timetz", "timestamp", "timestamptz", "interval")
"""Types of PostgreSQL with values that Python's do not have: infinity, 24:00:00, years BC."""


def read_all_values(engine: Engine) -> None:
    """Have each connection of an engine return values that its driver cannot decode as texts, those
    of SQLite that are not UTF-8 as bytes.
    """
    listener = {"psycopg": _psycopg_connected, "pysqlite": _sqlite_connected}
    if engine.dialect.driver in listener:
        event.listen(engine, "connect", listener[engine.dialect.driver])


def _psycopg_connected(connection: DriverConnection, record: object) -> None:
    for name in PERIODS:
        connection.adapters.register_loader(name, _lenient_loader(name))


def _sqlite_connected(connection: DriverConnection, record: object) -> None:
    connection.text_factory = _text


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


_lenient: dict[str, type[Loader]] = {}


def _lenient_loader(name: str) -> type[Loader]:
    """Return a loader of psycopg for a type, which returns the text where the usual one fails."""
    if name in _lenient:
        return _lenient[name]
    import psycopg
    from psycopg.adapt import Loader as LoaderBase
    from psycopg.pq import Format
    from psycopg.types.string import TextLoader

    usual = psycopg.adapters.get_loader(psycopg.adapters.types[name].oid, Format.TEXT) or TextLoader

    class LenientLoader(LoaderBase):
        def __init__(self, oid: int, context: DriverConnection = None) -> None:
            super().__init__(oid, context)
            self._usual = usual(oid, context)

        def load(self, data: bytes | bytearray | memoryview) -> object:
            try:
                return self._usual.load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    _lenient[name] = LenientLoader
    return LenientLoader
