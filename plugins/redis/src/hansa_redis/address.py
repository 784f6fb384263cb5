"""Addresses of a Redis or Valkey: `redis://HOST:PORT/DB`, `rediss://` with TLS, `unix:///PATH`, and
with Sentinel `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

SCHEMES = ("redis", "rediss", "unix")
SENTINEL_SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
"""The scheme of the connections to the primary, by that of the address."""
SENTINEL_PORT = 26379
NO_CLUSTER = (
    "is a Redis Cluster, which is not supported: scripts and pipelines of Hansa use several keys, "
    "which a cluster may keep on different nodes; use one Redis, or Redis Sentinel"
)
_FORM = "must look like redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH"
_SENTINEL_FORM = "must look like redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB"


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """What an address with Sentinel says; `sentinel_options` are the sentinels' own login."""

    scheme: str
    sentinels: list[tuple[str, int]]
    service: str
    db: int
    username: str
    password: str
    sentinel_options: dict[str, str]


def address_fault(address: str) -> str:
    """Return what is wrong with an address; empty if nothing is."""
    try:
        parts = urlsplit(address)
        if parts.scheme in SENTINEL_SCHEMES:
            parse_sentinel(address)
            return ""
        if parts.scheme in ("redis+cluster", "rediss+cluster"):
            return NO_CLUSTER
        place = parts.path if parts.scheme == "unix" else parts.hostname
        _ = parts.port  # raises for a port that is not a number
    except ValueError as error:
        return f"is not an address: {error}"
    return "" if parts.scheme in SCHEMES and place else f"{_FORM}, or {_SENTINEL_FORM[15:]}"


def holds_password(address: str) -> bool:
    """Return whether there is a password in a valid address."""
    parts = urlsplit(address)
    login = parts.netloc.rpartition("@")[0]
    return ":" in login or "password" in parts.query


def is_sentinel(address: str) -> bool:
    """Return whether an address names sentinels."""
    return urlsplit(address).scheme in SENTINEL_SCHEMES


def parse_sentinel(address: str) -> SentinelAddress:
    """Return what an address with Sentinel says; raises ValueError for one that is not valid.

    The port of a sentinel is 26379 if there is none, the database 0. `sentinel_username` and
    `sentinel_password` in the query are the login to the sentinels.
    """
    parts = urlsplit(address)
    login, _, places = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    service, _, db = parts.path.strip("/").partition("/")
    sentinels = [_place(place) for place in places.split(",")]
    if not service or (db and not db.isdecimal()):
        raise ValueError(_SENTINEL_FORM)
    query = parse_qs(parts.query, strict_parsing=bool(parts.query))
    known = {"sentinel_username": "username", "sentinel_password": "password"}
    unknown = set(query) - set(known)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} is not known in its query")
    return SentinelAddress(
        SENTINEL_SCHEMES[parts.scheme],
        sentinels,
        unquote(service),
        int(db or 0),
        unquote(username),
        unquote(password),
        {known[name]: values[-1] for name, values in query.items()},
    )


def _place(place: str) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    if not parts.hostname:
        raise ValueError(_SENTINEL_FORM)
    return parts.hostname, parts.port or SENTINEL_PORT
