"""The hooks of hansa-soap: the channel `soap` and the format `soap`."""

from __future__ import annotations

from hansa import Channel, Format, Outgoing, hookimpl

from .channel import SoapChannel
from .format import SoapFormat


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the channel `soap`."""
    return [SoapChannel]


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """Return the format `soap`."""
    return [SoapFormat]
