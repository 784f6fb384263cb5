"""Where a cluster listens: the usual addresses of the tutorial, those from a base port on, or free ones around a given front."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from typing import Any

import tomlkit

from .component import LOAD_BALANCER, SERVER, Component, write_private
from .failure import INVALID, Failure

HOST, FRONT, ADMIN, FIRST_SERVER = "127.0.0.1", 11223, 8183, 17010


@dataclass(frozen=True)
class Addresses:
    """HOST:PORT of the load-balancer for clients and for the admin API, and of each server."""

    front: str
    admin: str
    servers: tuple[str, ...]

    @classmethod
    def usual(cls, servers: int, base: int | None = None) -> Addresses:
        """Those of the tutorial; with `base` the front is there, the admin API one above, and servers from ten above on."""
        front, admin, first = (
            (FRONT, ADMIN, FIRST_SERVER) if base is None else (base, base + 1, base + 10)
        )
        own = tuple(f"{HOST}:{first + index}" for index in range(servers))
        return cls(f"{HOST}:{front}", f"{HOST}:{admin}", own)

    @classmethod
    def read(cls, cluster: Component) -> Addresses:
        """Those of a cluster that was created; raises `Failure`."""
        front, admin = cluster.parts_of(LOAD_BALANCER)[0].addresses
        return cls(front, admin, tuple(server.addresses[0] for server in cluster.parts_of(SERVER)))

    def around(self, front: str) -> Addresses:
        """The usual ones for the usual front; for another one these, with a free one in place of a usual one or a taken one."""
        usual = self.usual(len(self.servers))
        if front == usual.front:
            return usual
        kept = [self.admin, *self.servers]
        good = [each not in (usual.admin, *usual.servers) and _free(each) for each in kept]
        fresh = iter(free_ports(len(kept)))
        admin, *servers = [each if ok else next(fresh) for each, ok in zip(kept, good, strict=True)]
        return replace(self, front=front, admin=admin, servers=tuple(servers))

    def write(self, cluster: Component) -> None:
        """Make them those of a cluster that was created, which must not run."""
        (balancer,), servers = cluster.parts_of(LOAD_BALANCER), cluster.parts_of(SERVER)
        by_name = {
            server.folder.name: address
            for server, address in zip(servers, self.servers, strict=True)
        }

        def behind(document: Any) -> None:
            section = document["loadbalancer"]
            section.update({"bind": self.front, "admin_bind": self.admin})
            for each in section["servers"]:
                each["address"] = by_name.get(each["name"], each["address"])

        edit(balancer, behind)
        for server in servers:
            edit(
                server,
                lambda document, own=by_name[server.folder.name]: document["http"].update(
                    {"address": own}
                ),
            )


def edit(component: Component, change: Any) -> None:
    """Change a component's configuration, keeping its comments; it is not written if nothing changes."""
    text = component.config.read_text()
    document = tomlkit.parse(text)
    change(document)
    if tomlkit.dumps(document) != text:
        write_private(component.config, tomlkit.dumps(document))


def free_ports(count: int) -> list[str]:
    """So many addresses of this machine alone at which nobody listens."""
    probes = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return [f"{HOST}:{probe.getsockname()[1]}" for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def given(text: str) -> str:
    """The address that somebody asks for; with port 0 a free one. Raises `Failure`."""
    from hansa_loadbalancer.settings import is_address

    host, _, port = text.rpartition(":")
    if port == "0":
        with socket.create_server((host.strip("[]").replace("*", ""), 0)) as probe:
            text = f"{host}:{probe.getsockname()[1]}"
    if not is_address(text):
        raise Failure(f"--http: {text!r} is no HOST:PORT", INVALID)
    return text


def reachable(address: str) -> tuple[str, int]:
    """Host and port by which what listens at an address is reached from here."""
    host, _, port = address.rpartition(":")
    every = {"": HOST, "*": HOST, "0.0.0.0": HOST, "[::]": "::1"}
    return every.get(host, host.strip("[]")), int(port)


def url(address: str) -> str:
    """The same as the beginning of a URL."""
    host, port = reachable(address)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _free(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError:
            return False
        return True
