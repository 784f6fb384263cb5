"""What the plugin hl7 adds to Hansa: channel mllp, outgoing mllp and the format hl7v2."""

from __future__ import annotations

from hansa import Channel, Format, Outgoing, hookimpl

from .channel import MllpChannel
from .format import Hl7Format
from .outgoing import MllpOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [MllpChannel, MllpOutgoing]


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """Return the format."""
    return [Hl7Format]
