"""The in-memory types as a plugin. No distribution names it: a test that wants them in a server
lays one out that does.
"""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .memory import MemoryChannel, MemoryOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the in-memory types."""
    return [MemoryChannel, MemoryOutgoing]
