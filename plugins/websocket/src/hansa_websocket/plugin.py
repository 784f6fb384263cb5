"""What the plugin websocket adds to Hansa: two types of channels and one of outgoing connections."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import WebSocketChannel
from .feed import WebSocketFeed
from .outgoing import WebSocketOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return all types."""
    return [WebSocketChannel, WebSocketFeed, WebSocketOutgoing]
