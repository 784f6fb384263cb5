"""What the plugin kafka adds to Hansa: the types channel kafka and outgoing kafka."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import KafkaChannel
from .outgoing import KafkaOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [KafkaChannel, KafkaOutgoing]
