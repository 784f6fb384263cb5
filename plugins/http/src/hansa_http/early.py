"""What the plugin http tells the supervisor and the `hansa` command: its section of config.toml, and the bound socket."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from typing import TYPE_CHECKING, Annotated

from hansa import Invalid, Model, hookimpl, setting

if TYPE_CHECKING:
    from hansa import Configuration

_ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})\Z"
)


class HttpSection(Model):
    """HTTP for clients: `[http]`. Sizes are bytes, times are seconds, and limits count for each worker."""

    address: Annotated[
        str,
        setting(
            "HOST:PORT to listen at; port 0 takes a free one, *:PORT listens on every interface",
            example="127.0.0.1:11223",
        ),
    ] = "127.0.0.1:11223"
    threads: Annotated[int, setting("Threads that run services", ge=1, le=1000)] = 8
    max_body: Annotated[int, setting("Largest body of a request", ge=1, le=2**40)] = 16 * 2**20
    max_header: Annotated[
        int, setting("Largest head of a request: its first line and all headers", ge=256, le=2**24)
    ] = 64 * 2**10
    max_queue: Annotated[
        int,
        setting(
            "Requests that may wait for a thread; further ones are answered with 503",
            ge=1,
            le=100_000,
        ),
    ] = 512
    channel_timeout: Annotated[
        int,
        setting(
            "Time after which an idle connection is closed, and a request that is still not complete is cut",
            ge=1,
            le=3600,
        ),
    ] = 30
    connection_limit: Annotated[
        int, setting("Open connections; further ones wait in the backlog", ge=10, le=1_000_000)
    ] = 1000
    backlog: Annotated[int, setting("Connections that may wait to be accepted", ge=1, le=65535)] = (
        1024
    )
    trusted_proxies: Annotated[
        list[str],
        setting(
            "Addresses or networks of proxies whose X-Forwarded-For and -Proto headers count",
            example=["127.0.0.1"],
        ),
    ] = []
    access_log: Annotated[
        bool,
        setting(
            "Whether each request is a line of logs/access.log, with its cid, caller, status and duration"
        ),
    ] = True
    grace: Annotated[
        float,
        setting(
            "Time that idle connections are kept for when a worker ends, and that it says it is not ready",
            ge=0,
            le=600,
        ),
    ] = 1.0

    def check(self) -> None:
        """The address must be HOST:PORT, and proxies addresses or networks."""
        faults: dict[str, str] = {}
        try:
            parse_address(self.address)
        except ValueError as error:
            faults["address"] = str(error)
        for index, proxy in enumerate(self.trusted_proxies):
            try:
                ipaddress.ip_network(proxy, strict=False)
            except ValueError:
                faults[f"trusted_proxies[{index}]"] = f"{proxy!r} is no address and no network"
        if faults:
            raise Invalid(faults)


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`; raises ValueError."""
    found = _ADDRESS.match(text)
    if not found or int(found["port"]) > 65535:
        raise ValueError(f"{text!r} is no HOST:PORT")
    host = found["six"] or found["host"]
    return "" if host == "*" else host, int(found["port"])


def listen(address: str, backlog: int) -> socket.socket:
    """A bound, listening socket; raises `Invalid` that names the setting and the address."""
    host, port = parse_address(address)
    try:
        families = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise Invalid(
            {"http.address": f"{address}: {host} cannot be looked up: {error.strerror}"}
        ) from None
    families.sort(key=lambda one: one[0] != socket.AF_INET)
    family, kind, protocol, _, where = families[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(backlog)
    except OSError as error:
        bound.close()
        why = {
            errno.EADDRINUSE: "is in use by another program; end that, or listen elsewhere",
            errno.EACCES: "may not be used by this user; ports below 1024 are for the system's",
            errno.EADDRNOTAVAIL: "is no address of this machine",
        }.get(error.errno or 0, f"cannot be listened at: {os.strerror(error.errno or 0)}")
        raise Invalid({"http.address": f"{address} {why}"}) from None
    return bound


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """The section `[http]`."""
    return {"http": HttpSection}


@hookimpl
def hansa_listen(config: Configuration) -> dict[str, socket.socket]:
    """The socket that all workers share."""
    section = config.section(HttpSection)
    return {"http": listen(section.address, section.backlog)}


@hookimpl
def hansa_ready(config: Configuration) -> list[str]:
    """Where clients find the server."""
    return [f"HTTP for clients: http://{config.listening['http']}"]
