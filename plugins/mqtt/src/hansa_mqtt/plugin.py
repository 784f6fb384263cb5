"""What the plugin mqtt adds to Hansa: the types channel mqtt and outgoing mqtt."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .channel import MqttChannel
from .outgoing import MqttOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [MqttChannel, MqttOutgoing]
