"""What this plugin gives workers: the in-memory channel and outgoing connection, type `memory`."""

from __future__ import annotations

from hansa import hookimpl

from .memory import MemoryChannel, MemoryOutgoing


@hookimpl
def hansa_transports() -> list[type]:
    """Give the in-memory types."""
    return [MemoryChannel, MemoryOutgoing]
