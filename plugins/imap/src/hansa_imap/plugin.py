"""What the plugin imap adds to Hansa: the types channel imap and outgoing imap."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import ImapChannel
from .outgoing import ImapOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [ImapChannel, ImapOutgoing]
