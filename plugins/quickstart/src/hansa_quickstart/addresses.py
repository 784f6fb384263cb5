"""Where a cluster listens: the default addresses, those from a base port on, or free ones beside a
given front.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from typing import Final

from .component import LOAD_BALANCER, SERVER, WEB_ADMIN, Component
from .configuration import Document, edit_configuration, section_of
from .failure import INVALID, Failure
from .files import CERTIFICATE

HOST: Final = "127.0.0.1"
FRONT_PORT: Final = 11223
HTTPS_PORT: Final = 11224
ADMIN_PORT: Final = 8183
RELAY_PORT: Final = 8184
FIRST_SERVER_PORT: Final = 17010

_EVERY_INTERFACE: Final = {"": HOST, "*": HOST, "0.0.0.0": HOST, "[::]": "::1"}
"""Hosts that stand for every interface, and how this machine reaches them."""


@dataclass(frozen=True)
class Addresses:
    """HOST:PORT of the load-balancer for clients, of the web admin, of each server, and of the
    load-balancer for clients over HTTPS and for the web admin (`relay`).

    `https` is empty where there is none, and so is `relay` where the load-balancer itself serves the
    port of the web admin.
    """

    front: str
    admin: str
    servers: tuple[str, ...]
    https: str = ""
    relay: str = ""

    @classmethod
    def default(cls, servers: int, base: int | None = None) -> Addresses:
        """Return the default addresses of a cluster with this number of servers.

        With `base`, that is the port of the front; the web admin has the next one, HTTPS the one
        after that, the load-balancer's for the web admin the third, and the servers have those from
        the tenth after it on.
        """
        if base is None:
            ports = (FRONT_PORT, ADMIN_PORT, HTTPS_PORT, RELAY_PORT)
            return cls._from_ports(ports, FIRST_SERVER_PORT, servers)
        return cls._from_ports((base, base + 1, base + 2, base + 3), base + 10, servers)

    @classmethod
    def _from_ports(
        cls, fixed: tuple[int, int, int, int], first_server: int, servers: int
    ) -> Addresses:
        front, admin, https, relay = (f"{HOST}:{port}" for port in fixed)
        ports = range(first_server, first_server + servers)
        return cls(front, admin, tuple(f"{HOST}:{port}" for port in ports), https, relay)

    @classmethod
    def read(cls, cluster: Component) -> Addresses:
        """Return those of an existing cluster; raises `Failure`."""
        balancer = cluster.parts_of(LOAD_BALANCER)[0]
        front, admin = balancer.addresses
        servers = tuple(server.addresses[0] for server in cluster.parts_of(SERVER))
        https = "".join(balancer.https_addresses)
        web_admin = cluster.parts_of(WEB_ADMIN)[0]
        if not web_admin.has_process:
            return cls(front, admin, servers, https)
        return cls(front, web_admin.addresses[0], servers, https, relay=admin)

    def moved_to(self, front: str) -> Addresses:
        """Return addresses with this front.

        The default front has the default addresses beside it. Any other one has the present ones,
        with a free port in place of one that is a default or in use. Where there was no HTTPS,
        there is none.
        """
        default = self.default(len(self.servers))
        if front == default.front:
            https = default.https if self.https else ""
            return replace(default, https=https, relay=default.relay if self.relay else "")
        reserved = (default.admin, *default.servers, default.https, default.relay)
        present = (self.admin, self.https, self.relay, *self.servers)
        free = iter(free_addresses(len(present)))
        kept = [
            next(free) if address in reserved or (address and not _is_free(address)) else address
            for address in present
        ]
        admin, https, relay, *servers = kept
        return Addresses(front, admin, tuple(servers), https, relay)

    def write(self, cluster: Component) -> None:
        """Make them those of an existing cluster, which must not be running."""
        servers = cluster.parts_of(SERVER)
        by_name: dict[str, str] = {}
        for server, address in zip(servers, self.servers, strict=True):
            by_name[server.folder.name] = address
            _set_address(server, address)

        def change_balancer(document: Document) -> None:
            section = section_of(document, "loadbalancer")
            section["bind"] = self.front
            section["admin_bind"] = self.relay or self.admin
            if self.https:
                section["https_bind"] = self.https
                section.setdefault("certificate", CERTIFICATE)
            for entry in section["servers"]:
                if entry["name"] in by_name:
                    entry["address"] = by_name[entry["name"]]

        edit_configuration(cluster.parts_of(LOAD_BALANCER)[0], change_balancer)
        if self.relay:
            edit_configuration(cluster.parts_of(WEB_ADMIN)[0], self._change_web_admin)

    def _change_web_admin(self, document: Document) -> None:
        section = section_of(document, "web")
        section["address"] = self.admin
        for cluster in section["clusters"].values():
            cluster["urls"] = self.api_urls

    @property
    def api_urls(self) -> list[str]:
        """The URLs at which the web admin calls the admin API, in order."""
        return [url(address) for address in (self.relay, *self.servers)]


def _set_address(server: Component, address: str) -> None:
    def change(document: Document) -> None:
        section_of(document, "http")["address"] = address

    edit_configuration(server, change)


def free_addresses(count: int) -> list[str]:
    """Return this many addresses of the loopback interface at which nothing listens."""
    probes = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return [f"{HOST}:{probe.getsockname()[1]}" for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def requested_address(text: str, option: str = "--http") -> str:
    """Return the address given by an option; port 0 becomes a free port.

    Raises `Failure`.
    """
    from hansa_loadbalancer.settings import is_address

    host, _, port = text.rpartition(":")
    if port == "0":
        bound = host.strip("[]").replace("*", "")
        with socket.create_server((bound, 0)) as probe:
            text = f"{host}:{probe.getsockname()[1]}"
    if not is_address(text):
        raise Failure(f"{option}: {text!r} is not an address HOST:PORT", INVALID)
    return text


def reachable(address: str) -> tuple[str, int]:
    """Return host and port at which this machine reaches what listens at an address."""
    host, _, port = address.rpartition(":")
    return _EVERY_INTERFACE.get(host, host.strip("[]")), int(port)


def url(address: str, scheme: str = "http") -> str:
    """Return the URL at which this machine reaches what listens at an address."""
    host, port = reachable(address)
    if ":" in host:
        return f"{scheme}://[{host}]:{port}"
    return f"{scheme}://{host}:{port}"


def _is_free(address: str) -> bool:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError:
            return False
        return True
