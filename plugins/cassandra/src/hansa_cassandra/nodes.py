"""Addresses of nodes, each with the name that its certificate must have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cassandra.connection import DefaultEndPoint, DefaultEndPointFactory
from hansa import HansaError, Unavailable, look_up_host
from hansa_connect.remedies import advised

from .settings import CassandraSettings

CHECK_POINTS = "check the setting contact_points"


class Node(DefaultEndPoint):  # type: ignore[misc] # the driver has no types
    """The address of a node; `server_name` is empty without TLS."""

    def __init__(self, address: str, port: int, server_name: str) -> None:
        super().__init__(address, port)
        self._ssl_options = {"server_hostname": server_name} if server_name else None

    @property
    def ssl_options(self) -> dict[str, str] | None:
        """What the driver passes to `SSLContext.wrap_socket`."""
        return self._ssl_options


class Nodes(DefaultEndPointFactory):  # type: ignore[misc] # the driver has no types
    """Makes addresses of the nodes that a cluster tells of."""

    def __init__(self, config: CassandraSettings) -> None:
        super().__init__(config.port)
        self._config = config

    def create(self, row: Mapping[str, Any]) -> Node:
        """Return the address of a node from its row of `system.peers`."""
        found = super().create(row)
        name = self._config.tls_server_name or found.address
        return Node(found.address, found.port, name if self._config.tls else "")


def contact_points(config: CassandraSettings, label: str) -> list[Node]:
    """Return the addresses of the contact points; raises `Unavailable` if none has any."""
    found: dict[Node, None] = {}
    faults: list[str] = []
    for point in config.contact_points:
        name = config.tls_server_name or point
        try:
            addresses = look_up_host(point, config.port, timeout=config.connect_timeout)
        except (OSError, UnicodeError, HansaError) as error:
            faults.append(f"{point}: {error}")
            continue
        for *_, address in addresses:
            node = Node(str(address[0]), config.port, name if config.tls else "")
            found.setdefault(node)
    if not found:
        fault = f"{label}: no contact point has an address: {'; '.join(faults)}"
        raise Unavailable(advised(fault, CHECK_POINTS))
    return list(found)
