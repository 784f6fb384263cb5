"""What the plugin odoo adds to Hansa: the type outgoing odoo."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .outgoing import OdooOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the type."""
    return [OdooOutgoing]
