"""What the plugin graphql adds to Hansa: a type of channels, and services."""

from __future__ import annotations

from hansa import Channel, Outgoing, Service, hookimpl

from .channel import GraphqlChannel
from .execute_service import GraphqlExecute
from .schema_service import ChannelSchema


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the channel `graphql`."""
    return [GraphqlChannel]


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the service that carries out requests, and the admin service."""
    return [GraphqlExecute, ChannelSchema]
