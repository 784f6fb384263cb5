"""What the plugin smtp adds to Hansa: the type outgoing smtp."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .outgoing import SmtpOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the type."""
    return [SmtpOutgoing]
