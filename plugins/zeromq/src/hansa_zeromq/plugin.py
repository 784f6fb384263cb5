"""What the plugin zeromq adds to Hansa: the types channel zeromq and outgoing zeromq."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import ZeroMQChannel
from .outgoing import ZeroMQOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [ZeroMQChannel, ZeroMQOutgoing]
