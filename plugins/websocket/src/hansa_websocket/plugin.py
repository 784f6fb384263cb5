"""What the plugin websocket adds to Hansa: two types of channels and one of outgoing connections, and
services that reach the clients of a channel.
"""

from __future__ import annotations

from hansa import Channel, Outgoing, Service, hookimpl

from .channel import WebSocketChannel
from .feed import WebSocketFeed
from .outgoing import WebSocketOutgoing
from .services import SERVICES


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return all types."""
    return [WebSocketChannel, WebSocketFeed, WebSocketOutgoing]


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return `websocket.send`, `websocket.ask`, `websocket.clients`, and what they ask workers by."""
    return list(SERVICES)
