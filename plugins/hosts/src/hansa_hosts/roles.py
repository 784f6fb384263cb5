"""What a component is in a cluster: a server, a load-balancer or a web admin, with the name and the
port that it usually has.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hansa_quickstart.addresses import ADMIN_PORT, FIRST_SERVER_PORT, HTTPS_PORT
from hansa_quickstart.component import LOAD_BALANCER, SERVER, WEB_ADMIN
from hansa_quickstart.failure import INVALID, Failure

from .cluster import AUTHORITY, OWN_NAME

AUTHORITY_PORT: Final = 8185
_NAME: Final = re.compile(r"(?=.{1,63}\Z)[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_HOST: Final = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")


@dataclass(frozen=True)
class Role:
    """A role: its name in commands and tokens, the kind of its components, the name that the first
    of them has, whether that one has a number, too, and the port.
    """

    name: str
    kind: str
    first: str
    is_numbered: bool
    port: int

    def named(self, number: int) -> str:
        """Return the usual name of the component of this number, from 1 on."""
        return self.first if number == 1 and not self.is_numbered else f"{self.first}{number}"


ROLES: Final = {
    role.name: role
    for role in (
        Role("server", SERVER, "server", True, FIRST_SERVER_PORT),
        Role("loadbalancer", LOAD_BALANCER, "load-balancer", False, HTTPS_PORT),
        Role("webadmin", WEB_ADMIN, "web-admin", False, ADMIN_PORT),
    )
}
"""The roles by name."""


def role_of(name: object) -> Role:
    """Return the role of a name; raises `Failure`."""
    role = ROLES.get(str(name))
    if role is None:
        raise Failure(f"{name!r} is none of {', '.join(ROLES)}", INVALID)
    return role


def checked_name(name: str) -> str:
    """Return a name that a component may have, which is that of its folder, and one of the hosts that
    its certificate is for, too; raises `Failure`.
    """
    if name in (AUTHORITY, OWN_NAME):
        raise Failure(f"--name: {name} is that of the authority", INVALID)
    if not _NAME.fullmatch(name):
        message = "only letters, digits, _ and -, in parts with . between, at most 63 characters"
        raise Failure(f"--name: {message}", INVALID)
    return name


def checked_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """Return hosts that a certificate can be for; raises `Failure`."""
    for host in hosts:
        if not _HOST.fullmatch(host) and not _is_ip(host):
            message = f"--host: {host!r} is neither a host name, in ASCII, nor an address"
            raise Failure(message, INVALID)
    return tuple(hosts)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
