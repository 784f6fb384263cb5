"""The hooks of hansa-http in workers: the channel and outgoing types, and the life of the frontend."""

from __future__ import annotations

from hansa import Channel, Outgoing, Server, hookimpl

from .channel import HttpChannel
from .early import HttpSection
from .frontend import HttpFrontend
from .outgoing import HttpOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the channel and the outgoing connection http."""
    return [HttpChannel, HttpOutgoing]


@hookimpl
def hansa_startup(server: Server) -> HttpFrontend:
    """Return what channels enter and requests are answered by."""
    return HttpFrontend(server.section(HttpSection))


@hookimpl
def hansa_serve(server: Server) -> None:
    """Begin to accept connections."""
    server.resource(HttpFrontend).serve(server)


@hookimpl
def hansa_drain(server: Server) -> None:
    """Answer everything accepted, accept nothing new."""
    server.resource(HttpFrontend).drain(server.closing, server.grace)


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Close the listener and the access log."""
    server.resource(HttpFrontend).stop()
