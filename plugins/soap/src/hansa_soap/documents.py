"""The WSDL of a service, of a channel or of an outgoing connection, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from hansa import DefinitionRecord, HansaError, NotFound, Server

from .channel import SoapChannel
from .uploaded import SETTING
from .wsdl import Operation, wsdl

Origin: TypeAlias = Literal["derived", "uploaded", "fetched", "file"]


@dataclass(frozen=True)
class Document:
    """A WSDL, and whether it is derived from services, uploaded, fetched from the other side, or a file
    of the server.
    """

    text: str
    origin: Origin


@runtime_checkable
class Describing(Protocol):
    """An outgoing connection that knows its WSDL."""

    def wsdl_document(self) -> Document:
        """Return it; raises `NotFound` if there is none, and what keeps it from being read."""


def channels_of(server: Server, service: str) -> list[DefinitionRecord]:
    """Return the SOAP channels that lead to a service, by name."""
    records = server.definitions.all("channel", "soap")
    return [one for one in records if one.data.get("service") == service]


def of_service(
    server: Server, service: str, address: str, *, served: bool = False
) -> Document | None:
    """Return the WSDL of a service behind its SOAP channels, for servers at `address`; with `served`
    only of those that show theirs to callers. None if there is no such channel in service.
    """
    records = channels_of(server, service)
    if served:
        records = [one for one in records if one.data.get("wsdl", True)]
    return _of_channels(server, records, address)


def of_channel(server: Server, name: str, address: str) -> Document:
    """Return the WSDL of a channel, as `of_service` does; raises `NotFound`."""
    record = server.definitions.get("channel", "soap", name)
    found = _of_channels(server, [record], address)
    if found is None:
        raise NotFound(f"channel soap {name} is not in service, so that no WSDL can be derived")
    return found


def of_outgoing(server: Server, name: str) -> Document:
    """Return the WSDL of an outgoing connection; raises `NotFound`, and what keeps it from being read."""
    record = server.definitions.get("outgoing", "soap", name)
    if record.data.get(SETTING):
        return Document(str(record.data[SETTING]), "uploaded")
    connection = server.objects.get(*record.key)
    if not isinstance(connection, Describing):
        raise NotFound(f"outgoing soap {name} has no WSDL")
    return connection.wsdl_document()


def _of_channels(server: Server, records: list[DefinitionRecord], address: str) -> Document | None:
    for record in records:
        if record.data.get(SETTING):
            return Document(str(record.data[SETTING]), "uploaded")
    operations = list(_operations(server, records))
    if not operations:
        return None
    path = str(records[0].data["url_path"])
    return Document(wsdl(operations, address + path).decode(), "derived")


def _operations(server: Server, records: list[DefinitionRecord]) -> Iterator[Operation]:
    for record in records:
        try:
            channel = server.objects.get(*record.key)
            cls = server.registry.service(str(record.data["service"])).cls
        except HansaError:
            continue  # it is not in service
        if isinstance(channel, SoapChannel):
            yield Operation.of(channel.config, cls)
