"""`self.outgoing`: the connections of each type, by name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from hansa import NotFound, Unavailable, Undefined

from ..payloads import Value
from .amqp import AMQPConnection
from .entry import Entry, Wrapper
from .ftp import FTPConnection
from .http import HTTPConnection
from .odoo import OdooConnection
from .soap import SOAPConnection
from .sql import SQLConnection
from .wmq import WMQConnection
from .wsx import WSXConnection

if TYPE_CHECKING:
    from hansa import Server

log = logging.getLogger("hansa.zato.outgoing")

_TYPES: Final[dict[str, tuple[str, Wrapper | None]]] = {
    "plain_http": ("http", HTTPConnection),
    "rest": ("http", HTTPConnection),
    "soap": ("soap", SOAPConnection),
    "amqp": ("amqp", AMQPConnection),
    "ftp": ("ftp", FTPConnection),
    "sftp": ("sftp", FTPConnection),
    "sql": ("sql", SQLConnection),
    "odoo": ("odoo", OdooConnection),
    "zmq": ("zeromq", None),
    "jms_wmq": ("ibmmq", WMQConnection),
    "wmq": ("ibmmq", WMQConnection),
    "ibm_mq": ("ibmmq", WMQConnection),
    "wsx": ("websocket", WSXConnection),
}
"""By the dialect's name of a type: Hansa's, and the wrapper of its connections, if there is one."""
_REQUIRED: Final = object()
"""The default of what is required: there is none."""


class Outgoing:
    """`.plain_http` (also `.rest`) and so on as in Zato.

    Any other type is Hansa's, each entry with `.conn` and `.config`.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Connections:
        if name.startswith("__"):
            raise AttributeError(name)
        type, wrapper = _TYPES.get(name, (name, None))
        found = Connections(self._server, type, wrapper)
        setattr(self, name, found)
        return found


class Connections:
    """The connections of one type: `get(name)`, `[name]`, `in`, `items()`."""

    def __init__(self, server: Server, type: str, wrapper: Wrapper | None) -> None:
        self._server = server
        self._type = type
        self._wrapper = wrapper

    def __getitem__(self, name: str) -> Entry:
        entry = Entry(self._server, self._type, name, self._wrapper)
        try:
            entry.object()
        except NotFound as error:
            raise KeyError(error.explanation) from None
        except Unavailable:
            pass  # defined, but not available at the moment: calls will say so
        return entry

    def get(self, name: str, default: Value = _REQUIRED) -> Value:
        """Return the connection of that name; if none is defined `default`, which is logged, and
        without a default it raises `Undefined`, with the nearest name for the log.
        """
        entry = Entry(self._server, self._type, name, self._wrapper)
        try:
            entry.object()
        except Undefined as error:
            if default is _REQUIRED:
                raise
            log.warning("%s", error.explanation)
            return default
        except Unavailable:
            pass  # defined, but not available at the moment: calls will say so
        return entry

    def send(self, msg: object, out_name: object, *args: object, **options: object) -> Value:
        """Send through the connection of that name, as `amqp.send` and `zmq.send` do.

        Raises KeyError if none is defined.

        Zato 3 names the connection first, which is recognized by the names that are defined.
        """
        name, message = out_name, msg
        if msg in self and out_name not in self:
            name, message = msg, out_name
        return self[str(name)].conn.send(message, *args, **options)

    def invoke(self, out_name: object, msg: object, *args: object, **options: object) -> Value:
        """The same as `send`, with the arguments in the order of Zato 3."""
        return self.send(msg, out_name, *args, **options)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        try:
            self[name]
        except KeyError:
            return False
        return True

    def keys(self) -> list[str]:
        """Return the names of all that are defined."""
        return list(self._server.outgoing[self._type].names())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def values(self) -> list[Entry]:
        """Return all connections."""
        return [self[name] for name in self.keys()]

    def items(self) -> list[tuple[str, Entry]]:
        """Return all connections with their names."""
        return [(name, self[name]) for name in self.keys()]
