"""What the plugin llm adds to Hansa: the type outgoing llm."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .outgoing import LlmOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the type."""
    return [LlmOutgoing]
