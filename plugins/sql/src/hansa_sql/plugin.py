"""What the plugin sql adds to Hansa: the types channel sql and outgoing sql."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import SqlChannel
from .outgoing import SqlOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [SqlChannel, SqlOutgoing]
