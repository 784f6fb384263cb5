"""The URLs of the engines of a cluster on several hosts: what every host must be able to reach."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import quote, urlsplit

from hansa_quickstart.odb import DRIVERS
from hansa_redis.address import address_fault

from .cluster import CA_PLACE

_ALIASES: Final = {"postgres": "postgresql", "mariadb": "mysql"}
_LOCAL: Final = "names this host alone: every host must reach it"


def odb_url(given: str, password: str) -> str:
    """Return the URL of an ODB with its driver, and with the password unless it has one; raises
    ValueError.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(given)
    except ArgumentError as error:
        raise ValueError(f"is not a URL: {error}") from None
    kind = _ALIASES.get(url.get_backend_name(), url.get_backend_name())
    if kind not in DRIVERS:
        known = " or ".join(f"{one}://" for one in DRIVERS)
        raise ValueError(f"must begin with {known}: other hosts cannot reach {kind}")
    if _is_local(url.host):
        raise ValueError(_LOCAL)
    if url.password is None and password:
        url = url.set(password=password)
    rendered = url.set(drivername=DRIVERS[kind]).render_as_string(hide_password=False)
    return rendered.replace(quote(CA_PLACE), CA_PLACE)


def redis_url(given: str, password: str) -> str:
    """Return the address of a Redis, with the password unless it has a login; raises ValueError."""
    fault = address_fault(given)
    if fault:
        raise ValueError(fault)
    parts = urlsplit(given)
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if parts.scheme == "unix" or any(_is_local(host.rpartition(":")[0] or host) for host in hosts):
        raise ValueError(_LOCAL)
    if password and "@" not in parts.netloc:
        parts = parts._replace(netloc=f":{quote(password, safe='')}@{parts.netloc}")
    return parts.geturl()


def _is_local(host: str | None) -> bool:
    if not host or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
