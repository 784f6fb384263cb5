"""What the plugin swift adds to Hansa: the types channel swift and outgoing swift."""

from __future__ import annotations

import logging

from hansa import Channel, Outgoing, Server, hookimpl

from .channel import SwiftChannel
from .outgoing import SwiftOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [SwiftChannel, SwiftOutgoing]


@hookimpl
def hansa_startup(server: Server) -> None:
    """Keep the libraries from logging requests, with the beginning of tokens in them."""
    for name in ("swiftclient", "keystoneauth"):
        logging.getLogger(name).setLevel(logging.WARNING)
