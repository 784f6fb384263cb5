"""The hooks of hansa-soap: the channel `soap`, the format `soap`, and the admin services of WSDL."""

from __future__ import annotations

from hansa import Channel, Format, Outgoing, Service, hookimpl

from .channel import SoapChannel
from .format import SoapFormat
from .services import OPERATIONS


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the channel `soap`."""
    return [SoapChannel]


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """Return the format `soap`."""
    return [SoapFormat]


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return `admin.wsdl.*`."""
    return list(OPERATIONS)
