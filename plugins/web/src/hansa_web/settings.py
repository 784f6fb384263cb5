"""The section `[web]` of config.toml."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from hansa import Invalid, Model, setting

SECTION = "web"
RESERVED = ("hansa", "login", "logout", "static")
"""First parts of paths that no cluster may have as its name."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|\*|[A-Za-z0-9._-]+):[0-9]{1,5}")


CLUSTER_NAMES = "must have letters, digits and . _ - only, and not be " + ", ".join(RESERVED)
"""What is said of a name that no cluster may have."""


class WebCluster(Model):
    """A cluster that the web admin shows: `[web.clusters.NAME]`."""

    urls: Annotated[
        list[str],
        setting(
            "URLs of its admin API, tried in order: the load-balancer, then its servers",
            example=["http://127.0.0.1:11223", "http://127.0.0.1:17010"],
            min_length=1,
        ),
    ]
    ca: Annotated[
        str,
        setting(
            "File with the certificate authority of the servers (PEM), trusted besides the "
            "system's, relative to the configuration file"
        ),
    ] = ""

    def check(self) -> None:
        """Refuse what is not a URL of HTTP; raises `Invalid`."""
        wrong = [url for url in self.urls if not re.match(r"https?://[^/?#\s]+/?$", url)]
        if wrong:
            raise Invalid({"urls": f"{wrong[0]!r} is not http://HOST:PORT or https://HOST:PORT"})


class WebSection(Model):
    """The web admin: `[web]`. Times are seconds."""

    address: Annotated[
        str,
        setting(
            "HOST:PORT where browsers reach it; in the configuration of a server: the web admin "
            "runs beside its workers; empty for none",
            example="127.0.0.1:8183",
        ),
    ] = ""
    certificate: Annotated[
        str,
        setting(
            "File with certificate chain and key (PEM), relative to the configuration file; makes "
            "it HTTPS, which any address other than loopback needs"
        ),
    ] = ""
    session_idle: Annotated[
        float, setting("Seconds without a request after which a session ends", ge=60, le=86400)
    ] = 1800.0
    session_max: Annotated[
        float, setting("Seconds after which a session ends anyway", ge=60, le=604800)
    ] = 43200.0
    hsts: Annotated[
        int,
        setting(
            "Seconds for which browsers use HTTPS alone for this host, for all its ports "
            "(Strict-Transport-Security); 0 to leave it to them",
            ge=0,
            le=63_072_000,
        ),
    ] = 0
    threads: Annotated[int, setting("Threads that answer requests", ge=1, le=200)] = 16
    clusters: Annotated[
        dict[str, WebCluster],
        setting("Clusters by name; without any, the server of the configuration's folder"),
    ] = {}

    def check(self) -> None:
        """Refuse what cannot be listened at, plain HTTP for others, and names of clusters that
        cannot stand in a path; raises `Invalid`.
        """
        faults = {
            f"clusters.{name}": CLUSTER_NAMES for name in self.clusters if not is_cluster_name(name)
        }
        if self.address and not is_address(self.address):
            faults["address"] = f"{self.address!r} is not a valid HOST:PORT"
        elif self.address and not self.certificate and not is_loopback(self.address):
            faults["certificate"] = f"is needed: {self.address} is not an address of loopback"
        if self.hsts and not self.certificate:
            faults["hsts"] = "needs a certificate"
        if faults:
            raise Invalid(faults)


def is_cluster_name(text: str) -> bool:
    """Whether a cluster may have this name, which is the first part of paths."""
    return bool(_NAME.fullmatch(text)) and text not in RESERVED


def is_address(text: str) -> bool:
    """Whether it is HOST:PORT, with a port up to 65535."""
    return bool(_ADDRESS.fullmatch(text)) and int(text.rpartition(":")[2]) <= 65535


def split_address(text: str) -> tuple[str, int]:
    """Return host, without brackets and `0.0.0.0` for every interface, and port."""
    host, _, port = text.rpartition(":")
    return host.strip("[]").replace("*", "0.0.0.0"), int(port)


def is_loopback(address: str) -> bool:
    """Whether only programs of this machine reach what listens at HOST:PORT."""
    host, _ = split_address(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def relative_to(path: Path, file: str) -> Path:
    """Return the path of a file that a configuration file names."""
    return path.parent / file
