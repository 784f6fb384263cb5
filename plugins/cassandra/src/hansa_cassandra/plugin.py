"""What the plugin cassandra adds to Hansa: the type outgoing cassandra."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .outgoing import CassandraOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the type."""
    return [CassandraOutgoing]
