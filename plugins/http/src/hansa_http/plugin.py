"""What the plugin http gives to a worker: the channel and outgoing types, and the listener's life."""

from __future__ import annotations

from typing import Any

from hansa import hookimpl

from .access import AccessLog
from .app import Gate, Proxies, create_app
from .channel import HttpChannel
from .early import HttpSection
from .listener import Listener
from .outgoing import HttpOutgoing
from .table import forget_table, table_of

_listeners: dict[int, Listener] = {}
_logs: dict[int, AccessLog] = {}


@hookimpl
def hansa_transports() -> list[type]:
    """The channel and the outgoing connection http."""
    return [HttpChannel, HttpOutgoing]


@hookimpl
def hansa_serve(server: Any) -> None:
    """Begin to accept connections, if the supervisor gave a socket."""
    shared = server.sockets.get("http")
    if shared is None:
        return
    gate = Gate()
    gate.unready = lambda: "" if server.ready else "the worker is starting or ending"
    section = server.section(HttpSection)
    if section.access_log:
        _logs[id(server)] = AccessLog(server.dir / "logs" / "access.log")
    app = create_app(
        table_of(server), gate, Proxies(section.trusted_proxies), _logs.get(id(server))
    )
    listener = _listeners[id(server)] = Listener(app, shared, section, gate)
    listener.start()


@hookimpl
def hansa_drain(server: Any) -> None:
    """Answer everything accepted, accept nothing new."""
    listener = _listeners.get(id(server))
    if listener is not None:
        listener.drain(server.closing, server.grace)


@hookimpl
def hansa_shutdown(server: Any) -> None:
    """Close the listener, and then the log of what it answered."""
    if (listener := _listeners.pop(id(server), None)) is not None:
        listener.stop()
    if (access := _logs.pop(id(server), None)) is not None:
        access.close()
    forget_table(server)
