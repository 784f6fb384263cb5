"""What the plugin ibmmq adds to Hansa: the types channel ibmmq and outgoing ibmmq."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import IbmmqChannel
from .outgoing import IbmmqOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [IbmmqChannel, IbmmqOutgoing]
