"""The early hooks of hansa-http: its section of config.toml, and the socket that is bound before
workers start.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from typing import TYPE_CHECKING, Annotated, Literal

from hansa import Invalid, Model, Secret, hookimpl, setting

if TYPE_CHECKING:
    from hansa import Configuration

_ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})\Z"
)

SHORTEST_SECRET = 16
"""Minimum length of the secret of proxies, in characters."""

_REASONS = {
    errno.EADDRINUSE: "is in use by another program; end that, or listen elsewhere",
    errno.EACCES: "may not be used by this user; ports below 1024 are for the system's",
    errno.EADDRNOTAVAIL: "is no address of this machine",
}


class HttpSection(Model):
    """HTTP for clients: `[http]`. Sizes are bytes, times are seconds, and limits count for each
    worker.
    """

    address: Annotated[
        str,
        setting(
            "HOST:PORT to listen on; port 0 takes a free one, *:PORT listens on every interface",
            example="127.0.0.1:11223",
        ),
    ] = "127.0.0.1:11223"
    server: Annotated[
        str,
        setting(
            "Server that reads connections: waitress, or granian, which costs half the CPU and "
            "needs the plugin hansa-granian; its README tells what differs",
            example="granian",
        ),
    ] = "waitress"
    certificate: Annotated[
        str,
        setting(
            "File with certificate chain and key (PEM), relative to the server's folder; makes it "
            "HTTPS (TLS 1.2 and 1.3). When it is replaced, the new one is served"
        ),
    ] = ""
    client_ca: Annotated[
        str,
        setting(
            "File with the certificate authorities of clients (PEM), relative to the server's folder: "
            "clients are asked for a certificate, by which the security type tls knows callers"
        ),
    ] = ""
    client_certificates: Annotated[
        Literal["requested", "required"],
        setting(
            "Whether a connection without a client certificate is refused (required). One that is "
            "not of client_ca, or has expired, is refused anyway, in the handshake"
        ),
    ] = "requested"
    threads: Annotated[
        int,
        setting(
            "Threads that run services and are kept; health checks and the admin API have threads of "
            "their own",
            ge=1,
            le=1000,
        ),
    ] = 8
    max_threads: Annotated[
        int,
        setting(
            "Threads that run services while others wait for back ends; threads are started when "
            "requests stand in line, and end when they are not needed for 30 seconds. A number below "
            "threads is taken as that one",
            ge=1,
            le=1000,
        ),
    ] = 200
    stuck_limit: Annotated[
        float,
        setting(
            "Seconds after which a worker is replaced whose threads are all busy with calls that do "
            "not return; 0 for never",
            ge=0,
            le=86400,
        ),
    ] = 300.0
    max_body: Annotated[int, setting("Maximum size of a request body", ge=1, le=2**40)] = 16 * 2**20
    compress_over: Annotated[
        int,
        setting(
            "Size above which responses are compressed by zstd, br or gzip, as their callers "
            "accept it; 0 compresses none",
            ge=0,
        ),
    ] = 1024
    max_header: Annotated[
        int,
        setting("Maximum size of a request's first line and headers together", ge=256, le=2**24),
    ] = 64 * 2**10
    max_queue: Annotated[
        int,
        setting(
            "Maximum requests waiting for a thread; further ones are answered with 503",
            ge=1,
            le=100_000,
        ),
    ] = 512
    channel_timeout: Annotated[
        int,
        setting(
            "Time after which an idle connection is closed, and an incomplete request is answered with 408",
            ge=1,
            le=3600,
        ),
    ] = 30
    connection_limit: Annotated[
        int,
        setting(
            "Maximum open connections; a further one ends another, idle ones first",
            ge=10,
            le=1_000_000,
        ),
    ] = 1000
    connections_per_address: Annotated[
        int,
        setting(
            "Maximum open connections of one address that is not in trusted_proxies; "
            "a further one ends another of its own; 0 for no limit",
            ge=0,
            le=1_000_000,
        ),
    ] = 250
    backlog: Annotated[
        int, setting("Maximum connections waiting to be accepted", ge=1, le=65535)
    ] = 1024
    trusted_proxies: Annotated[
        list[str],
        setting(
            "Addresses or networks of proxies whose X-Forwarded-For and -Proto headers count",
            example=["127.0.0.1"],
        ),
    ] = []
    proxy_secret: Annotated[
        Secret | None,
        setting(
            "Secret that these proxies send in the header X-Hansa-Proxy; without it their headers do "
            "not count. For Hansa's load-balancer, the same as loadbalancer.proxy_secret there",
        ),
    ] = None
    access_log: Annotated[
        bool,
        setting(
            "Whether to log each request in logs/access.log, with its cid, caller, status and duration"
        ),
    ] = True
    access_log_health: Annotated[
        bool,
        setting(
            "Whether to log there, too, the health checks of load-balancers and monitoring: requests "
            "to /hansa/live and /hansa/ready"
        ),
    ] = False
    grace: Annotated[
        float,
        setting(
            "Time for which idle connections are kept when a worker ends, "
            "while it reports that it is not ready",
            ge=0,
            le=600,
        ),
    ] = 1.0

    @property
    def scheme(self) -> str:
        """What is spoken at the address: http, or https with a certificate."""
        return "https" if self.certificate else "http"

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
                faults[f"trusted_proxies[{index}]"] = f"{proxy!r} is not a valid address or network"
        if self.client_ca and not self.certificate:
            faults["client_ca"] = "needs certificate: clients present theirs over HTTPS only"
        if self.proxy_secret is not None and len(self.proxy_secret) < SHORTEST_SECRET:
            faults["proxy_secret"] = f"must have at least {SHORTEST_SECRET} characters"
        if faults:
            raise Invalid(faults)


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[IPV6]:PORT`; raises ValueError."""
    found = _ADDRESS.match(text)
    if not found or int(found["port"]) > 65535:
        raise ValueError(f"{text!r} is not a valid HOST:PORT")
    host = found["six"] or found["host"]
    return "" if host == "*" else host, int(found["port"])


def listen(address: str, backlog: int) -> socket.socket:
    """Return a bound, listening socket; raises `Invalid` that names the setting and the address."""
    host, port = parse_address(address)
    passive = socket.AI_PASSIVE
    try:
        families = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=passive)
    except OSError as error:
        fault = f"{address}: {host} cannot be looked up: {error.strerror}"
        raise Invalid({"http.address": fault}) from None
    families.sort(key=lambda one: one[0] != socket.AF_INET)
    family, kind, protocol, _, where = families[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(backlog)
    except OSError as error:
        bound.close()
        code = error.errno or 0
        why = _REASONS.get(code) or f"cannot be listened on: {os.strerror(code)}"
        raise Invalid({"http.address": f"{address} {why}"}) from None
    return bound


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Return the section `[http]`."""
    return {"http": HttpSection}


@hookimpl
def hansa_listen(config: Configuration) -> dict[str, socket.socket]:
    """Return the socket that all workers share, by the scheme that is spoken there."""
    section = config.section(HttpSection)
    return {section.scheme: listen(section.address, section.backlog)}


@hookimpl
def hansa_ready(config: Configuration) -> list[str]:
    """Return the address for clients, and what serves there unless it is waitress."""
    scheme = config.section(HttpSection).scheme
    address = f"{scheme.upper()} for clients: {scheme}://{config.listening[scheme]}"
    server = config.section(HttpSection).server
    return [address if server == "waitress" else f"{address} (served by {server})"]
