"""The admin service admin.grpc.proto: the .proto files of a channel."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, setting
from hansa_admin.operation import Operation

from .channel import GrpcChannel


class AskedChannel(Model):
    """A channel."""

    name: Annotated[str, setting("Name of the channel", min_length=1)]


class ProtoFile(Model):
    """A .proto file."""

    package: Annotated[str, setting("Its package; empty for one that was given as a setting")]
    text: Annotated[str, setting("Its text")]


class ProtoFiles(Model):
    """The .proto files of a channel."""

    items: Annotated[list[ProtoFile], setting("The files, by package")]


class ChannelProto(Operation):
    """Show the .proto files of a gRPC channel: what clients are generated from."""

    name = "admin.grpc.proto"
    right = "view"
    Input = AskedChannel
    Output = ProtoFiles

    def handle(self) -> ProtoFiles:
        """Return them; raises `NotFound`, and `Unavailable` for a channel that does not run."""
        asked: AskedChannel = self.request.input
        found = self.server.objects.get(GrpcChannel.kind, GrpcChannel.type, asked.name)
        assert isinstance(found, GrpcChannel)
        texts = found.texts
        items = [ProtoFile(package=package, text=texts[package]) for package in sorted(texts)]
        return ProtoFiles(items=items)
