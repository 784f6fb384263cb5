"""What the plugin soap gives to Hansa: the channel `soap` and the format `soap`."""

from __future__ import annotations

from hansa import Format, hookimpl

from .channel import SoapChannel
from .format import SoapFormat


@hookimpl
def hansa_transports() -> list[type]:
    """The channel `soap`."""
    return [SoapChannel]


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """The format `soap`."""
    return [SoapFormat]
