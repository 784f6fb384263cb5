"""What the plugin jms adds to Hansa: the types channel jms, channel jms_topic and outgoing jms."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import JmsChannel
from .outgoing import JmsOutgoing
from .topic import JmsTopicChannel


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return all three types."""
    return [JmsChannel, JmsTopicChannel, JmsOutgoing]
