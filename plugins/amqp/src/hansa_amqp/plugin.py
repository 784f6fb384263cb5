"""What the plugin amqp adds to Hansa: the types channel amqp and outgoing amqp."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import AmqpChannel
from .outgoing import AmqpOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [AmqpChannel, AmqpOutgoing]
