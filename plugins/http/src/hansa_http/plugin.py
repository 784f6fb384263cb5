"""The hooks of hansa-http in workers: the channel and outgoing types, and the life of the frontend."""

from __future__ import annotations

from hansa import Channel, Dispatch, Outgoing, Server, hookimpl

from .channel import HttpChannel
from .early import HttpSection
from .form_body import with_forms
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


@hookimpl(trylast=True)
def hansa_wrap(channel: Channel | None, call: Dispatch) -> Dispatch | None:
    """Read forms where a channel takes them; last, so that limits of the channel count before."""
    if isinstance(channel, HttpChannel) and channel.forms is not None:
        return with_forms(channel.forms, call)
    return None


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
