"""What the plugin soap-client gives: the outgoing connection soap."""

from __future__ import annotations

from hansa import hookimpl

from .outgoing import SoapOutgoing


@hookimpl
def hansa_transports() -> list[type]:
    """The outgoing connection soap."""
    return [SoapOutgoing]
