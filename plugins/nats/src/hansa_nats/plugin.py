"""What the plugin nats adds to Hansa: the types channel nats and outgoing nats."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import NatsChannel
from .outgoing import NatsOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [NatsChannel, NatsOutgoing]
