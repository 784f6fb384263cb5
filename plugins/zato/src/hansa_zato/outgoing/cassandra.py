"""`self.cassandra_conn` and `self.cassandra_query` as services of the Zato dialect use them, over
hansa-cassandra: the driver's sessions, and the statements that connections name.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from hansa import Misused, Unavailable, Undefined

from ..payloads import PlainDict, Value
from .connections import Connections
from .entry import Entry

if TYPE_CHECKING:
    from hansa import Server

log = logging.getLogger("hansa.zato.outgoing")

TYPE: Final = "cassandra"
_REQUIRED: Final = object()
"""The default of what is required: there is none."""


class LiveStatements(Protocol):
    """What is needed of the settings of a connection."""

    @property
    def statements(self) -> Mapping[str, str]:
        """Its statements by name."""


class LiveCassandra(Protocol):
    """What is needed of Hansa's connection to Cassandra."""

    @property
    def config(self) -> LiveStatements:
        """Its settings."""

    @property
    def session(self) -> Value:
        """The driver's session."""

    def all(self, statement: str, /, **parameters: object) -> list[PlainDict]:
        """Run a statement and return its rows."""


def session(entry: Entry) -> Value:
    """Return the driver's session of a connection, whose rows are dictionaries."""
    return entry.live().session


def connections(server: Server) -> Connections:
    """Return `self.cassandra_conn`: connections by name."""
    return Connections(server, TYPE, session)


class CassandraQuery:
    """A prepared statement: `execute(name=value)`.

    The connection is looked up at each use, so edits of its definition take effect.
    """

    def __init__(self, entry: Entry, name: str) -> None:
        self._entry = entry
        self.name = name

    def execute(
        self, given: Mapping[str, object] | None = None, **named: object
    ) -> list[PlainDict]:
        """Run it and return its rows, with parameters by name, or in a dictionary."""
        live: LiveCassandra = self._entry.live()
        return live.all(self.name, **{**(given or {}), **named})


class CassandraQueries:
    """`self.cassandra_query`: the statements of all connections, by name: `get(name)`, `[name]`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __getitem__(self, name: str) -> CassandraQuery:
        try:
            return self._found(name)
        except Undefined as error:
            raise KeyError(error.explanation) from None

    def get(self, name: str, default: Value = _REQUIRED) -> Value:
        """Return the query of that name; if there is none `default`, which is logged, and without a
        default it raises `Undefined`, with the nearest name for the log.
        """
        try:
            return self._found(name)
        except Undefined as error:
            if default is _REQUIRED:
                raise
            log.warning("%s", error.explanation)
            return default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.keys()

    def keys(self) -> list[str]:
        """Return the names of all queries of connections that are there now."""
        return [name for entry in self._entries() for name in _statements(entry) or ()]

    def _found(self, name: str) -> CassandraQuery:
        """Return the query of a name.

        Raises `Misused` for one that two connections have, `ConnectionException` if a connection
        that is not there now may have it, and else `Undefined`.
        """
        entries = self._entries()
        found = [entry for entry in entries if name in (_statements(entry) or ())]
        if len(found) > 1:
            several = ", ".join(entry.name for entry in found)
            raise Misused({name: f"several connections have a statement of this name: {several}"})
        if found:
            return CassandraQuery(found[0], name)
        for entry in entries:
            entry.live()
        near = difflib.get_close_matches(name, self.keys(), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Undefined(f"no outgoing cassandra has a statement {name!r}{hint}")

    def _entries(self) -> list[Entry]:
        names = self._server.outgoing[TYPE].names()
        return [Entry(self._server, TYPE, name, session) for name in names]


def _statements(entry: Entry) -> Mapping[str, str] | None:
    """Return the statements of a connection, None while it is not there."""
    try:
        live: LiveCassandra = entry.object()
    except Unavailable:
        return None
    return live.config.statements
