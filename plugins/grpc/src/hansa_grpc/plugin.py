"""What the plugin grpc adds to Hansa: a type of channels, one of outgoing connections, and services."""

from __future__ import annotations

from hansa import Channel, Outgoing, Service, hookimpl

from .call_service import GrpcCall
from .channel import GrpcChannel
from .listener import Listeners
from .outgoing import GrpcOutgoing
from .proto_service import ChannelProto


@hookimpl
def hansa_startup() -> Listeners:
    """Return the listeners of this worker, which channels share."""
    return Listeners()


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [GrpcChannel, GrpcOutgoing]


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the service that takes calls, and the admin service."""
    return [GrpcCall, ChannelProto]
