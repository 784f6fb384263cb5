"""`self.outgoing`: connections by name as services of the Zato dialect use them, over those of Hansa."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from hansa import Model, NotFound, Unavailable, dump

from ..bunch import Bunch
from ..dialect.exceptions import ConnectionException, Inactive
from .amqp import AMQPConnection
from .ftp import FTPConnection
from .http import HTTPConnection
from .soap import SOAPConnection
from .sql import SQLConnection

log = logging.getLogger("hansa.zato.outgoing")


class Outgoing:
    """`.plain_http` (also `.rest`) as in Zato; any other type is that of Hansa, each entry with `.conn` and `.config`."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        type, wrapper = _TYPES.get(name, (name, None))
        found = Connections(self._server, type, wrapper)
        setattr(self, name, found)
        return found


# what the dialect calls it: Hansa's type, and what wraps a live object for it, if anything
_TYPES: dict[str, tuple[str, Any]] = {
    "plain_http": ("http", HTTPConnection),
    "rest": ("http", HTTPConnection),
    "soap": ("soap", SOAPConnection),
    "amqp": ("amqp", AMQPConnection),
    "ftp": ("ftp", FTPConnection),
    "sftp": ("sftp", FTPConnection),
    "sql": ("sql", SQLConnection),
    "zmq": ("zeromq", None),
    "jms_wmq": ("ibm-mq", None),
    "wmq": ("ibm-mq", None),
}


class Connections:
    """The connections of one type: `get(name)`, `[name]`, `in`, `items()`."""

    def __init__(self, server: Any, type: str, wrapper: Any) -> None:
        self._server, self._type, self._wrapper = server, type, wrapper

    def __getitem__(self, name: str) -> Entry:
        entry = Entry(self._server, self._type, name, self._wrapper)
        try:
            entry.object()
        except NotFound as error:
            raise KeyError(error.detail) from None
        except Unavailable:
            pass  # defined and not there at the moment: the calls themselves will say so
        return entry

    def get(self, name: str, default: Any = None) -> Any:
        """The connection of that name; `default` if none is defined, which is logged."""
        try:
            return self[name]
        except KeyError as error:
            log.warning("%s", error.args[0])
            return default

    def send(self, msg: Any, out_name: str, *args: Any, **options: Any) -> Any:
        """Send through the connection of that name, as `amqp.send` and `zmq.send` do; raises KeyError if none is defined."""
        if (
            isinstance(msg, str)
            and msg in self
            and not (isinstance(out_name, str) and out_name in self)
        ):
            msg, out_name = out_name, msg  # Zato 3 names the connection first
        return self[out_name].conn.send(msg, *args, **options)

    def invoke(self, out_name: str, msg: Any, *args: Any, **options: Any) -> Any:
        """The same as `send`, with the arguments as in Zato 3."""
        return self.send(msg, out_name, *args, **options)

    def __contains__(self, name: str) -> bool:
        try:
            self[name]
        except KeyError:
            return False
        return True

    def keys(self) -> list[str]:
        """The names of all that are defined."""
        return list(self._server.outgoing[self._type].names())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def values(self) -> list[Entry]:
        """All connections."""
        return [self[name] for name in self.keys()]

    def items(self) -> list[tuple[str, Entry]]:
        """All connections with their names."""
        return [(name, self[name]) for name in self.keys()]


class Entry:
    """One connection: `conn` to use it, `config` to look at its definition. It is looked up at each use, so edits take effect."""

    def __init__(self, server: Any, type: str, name: str, wrapper: Any) -> None:
        self._server, self._type, self._wrapper = server, type, wrapper
        self.name = name

    def object(self) -> Any:
        """The live object of Hansa; raises its NotFound or Unavailable."""
        return self._server.object("outgoing", self._type, self.name)

    def live(self) -> Any:
        """The live object; raises `Inactive` or `ConnectionException` if it cannot be used now."""
        try:
            return self.object()
        except Unavailable as error:
            if "is inactive" in error.detail:
                raise Inactive(self.name) from error
            raise ConnectionException(None, error.detail) from error

    @property
    def conn(self) -> Any:
        """What makes the calls."""
        return self._wrapper(self) if self._wrapper is not None else self.live()

    @property
    def config(self) -> Bunch:
        """The settings, without secrets."""
        found = Bunch(name=self.name, is_active=True)
        try:
            config = self.object().config
        except Unavailable:
            found.is_active = False
            return found
        found.update(dump(config) if isinstance(config, Model) else {})
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.conn, name)


class REST:
    """`self.rest`: the HTTP connections of a service without the correlation id, which is that of the service."""

    def __init__(self, outgoing: Outgoing, cid: str) -> None:
        self._connections, self._cid = outgoing.plain_http, cid

    def __getitem__(self, name: str) -> RESTConnection:
        return RESTConnection(self._connections[name].conn, self._cid)

    def __getattr__(self, name: str) -> RESTConnection:
        for candidate in (name, name.replace("_", "-"), name.replace("_", " ")):
            if candidate in self._connections:
                return self[candidate]
        raise AttributeError(f"no outgoing HTTP connection is named {name!r}")


class RESTConnection:
    """One connection of `self.rest`."""

    def __init__(self, conn: HTTPConnection, cid: str) -> None:
        self._conn, self._cid = conn, cid

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._conn, name)
        return lambda *args, **options: call(self._cid, *args, **options)
