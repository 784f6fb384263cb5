"""What the plugin zeromq gives: channel zeromq and outgoing zeromq."""

from __future__ import annotations

from hansa import hookimpl

from .channel import ZeroMQChannel
from .outgoing import ZeroMQOutgoing


@hookimpl
def hansa_transports() -> list[type]:
    """The channel and the outgoing connection."""
    return [ZeroMQChannel, ZeroMQOutgoing]
