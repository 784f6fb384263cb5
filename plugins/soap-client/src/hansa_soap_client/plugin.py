"""What the plugin soap-client adds to Hansa: the type outgoing soap."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .outgoing import SoapOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the type."""
    return [SoapOutgoing]
