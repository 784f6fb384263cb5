"""Addresses of a Redis or Valkey: `redis://HOST:PORT/DB`, `rediss://` with TLS, `unix:///PATH`, with
Sentinel `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB`, and of a Redis Cluster
`redis+cluster://HOST:PORT,HOST:PORT`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

Place = tuple[str, int]
"""Host and port."""
SCHEMES = ("redis", "rediss", "unix")
SENTINEL_SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
"""The scheme of the connections to the primary, by that of the address."""
CLUSTER_SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
"""The scheme of the connections to the nodes, by that of the address."""
PORT = 6379
SENTINEL_PORT = 26379
_SENTINEL_FORM = "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB"
_CLUSTER_FORM = "redis+cluster://HOST:PORT,HOST:PORT"
_FORM = (
    "must look like redis://HOST:PORT/DB, rediss://HOST:PORT/DB, unix:///PATH, "
    f"{_SENTINEL_FORM} or {_CLUSTER_FORM}"
)
_HASH_TAG = "hash_tag"
_SENTINEL_LOGIN = {"sentinel_username": "username", "sentinel_password": "password"}
_TLS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
"""Options of encrypted connections, named as redis-py names them in the query of `rediss://`."""


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """What an address with Sentinel says.

    `tls_options` are options of connections to the Redis, `sentinel_options` are the sentinels' own
    login.
    """

    scheme: str
    sentinels: list[Place]
    service: str
    db: int
    username: str
    password: str
    tls_options: dict[str, str]
    sentinel_options: dict[str, str]


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """What the address of a Redis Cluster says.

    `tls_options` are options of connections; `hash_tag` is the tag that all keys of this server
    carry, empty for an address that says nothing of it.
    """

    scheme: str
    nodes: list[Place]
    username: str
    password: str
    tls_options: dict[str, str]
    hash_tag: str


def address_fault(address: str) -> str:
    """Return what is wrong with an address; empty if nothing is."""
    try:
        parts = urlsplit(address)
        if parts.scheme in SENTINEL_SCHEMES:
            parse_sentinel(address)
            return ""
        if parts.scheme in CLUSTER_SCHEMES:
            tag = parse_cluster(address).hash_tag
            return f"is not an address: {_HASH_TAG} is not known in its query" if tag else ""
        place = parts.path if parts.scheme == "unix" else parts.hostname
        _ = parts.port  # raises for a port that is not a number
    except ValueError as error:
        return f"is not an address: {error}"
    return "" if parts.scheme in SCHEMES and place else _FORM


def holds_password(address: str) -> bool:
    """Return whether there is a password in a valid address."""
    parts = urlsplit(address)
    login = parts.netloc.rpartition("@")[0]
    return ":" in login or "password" in parts.query


def is_sentinel(address: str) -> bool:
    """Return whether an address names sentinels."""
    return urlsplit(address).scheme in SENTINEL_SCHEMES


def is_cluster(address: str) -> bool:
    """Return whether an address names nodes of a Redis Cluster."""
    return urlsplit(address).scheme in CLUSTER_SCHEMES


def parse_sentinel(address: str) -> SentinelAddress:
    """Return what an address with Sentinel says; raises ValueError for one that is not valid.

    The port of a sentinel is 26379 if there is none, the database 0. `sentinel_username` and
    `sentinel_password` in the query are the login to the sentinels; `ssl_ca_certs`, `ssl_certfile`
    and `ssl_keyfile` are paths of PEM files.
    """
    parts = urlsplit(address)
    username, password, sentinels = _authority(parts, SENTINEL_PORT, _SENTINEL_FORM)
    service, _, db = parts.path.strip("/").partition("/")
    if not service or (db and not db.isdecimal()):
        raise ValueError(f"must look like {_SENTINEL_FORM}")
    query = _query(parts, set(_SENTINEL_LOGIN))
    return SentinelAddress(
        SENTINEL_SCHEMES[parts.scheme],
        sentinels,
        unquote(service),
        int(db or 0),
        username,
        password,
        {name: value for name, value in query.items() if name in _TLS},
        {_SENTINEL_LOGIN[name]: value for name, value in query.items() if name in _SENTINEL_LOGIN},
    )


def parse_cluster(address: str) -> ClusterAddress:
    """Return what the address of a Redis Cluster says; raises ValueError for one that is not valid.

    The port of a node is 6379 if there is none; a cluster has only the database 0. The query may
    have the paths of PEM files, as that of an address with Sentinel.
    """
    parts = urlsplit(address)
    username, password, nodes = _authority(parts, PORT, _CLUSTER_FORM)
    if parts.path.strip("/") not in ("", "0"):
        raise ValueError("a Redis Cluster has only the database 0")
    query = _query(parts, {_HASH_TAG})
    tag = query.pop(_HASH_TAG, "")
    return ClusterAddress(
        CLUSTER_SCHEMES[parts.scheme],
        nodes,
        username,
        password,
        query,
        tag,
    )


def with_hash_tag(address: str, tag: str) -> str:
    """Return the address of a Redis Cluster that also says which tag the keys carry."""
    separator = "&" if "?" in address else "?"
    return f"{address}{separator}{_HASH_TAG}={quote(tag, safe='')}"


def _authority(parts: SplitResult, port: int, form: str) -> tuple[str, str, list[Place]]:
    """Return user name, password and places of an address; `port` is that of a place without."""
    login, _, places = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    found = [_place(place, port, form) for place in places.split(",")]
    return unquote(username), unquote(password), found


def _place(place: str, port: int, form: str) -> Place:
    parts = urlsplit(f"//{place}")
    if not parts.hostname:
        raise ValueError(f"must look like {form}")
    return parts.hostname, parts.port or port


def _query(parts: SplitResult, known: set[str]) -> dict[str, str]:
    """Return the values in the query of an address; raises ValueError for an unknown name.

    Besides the `known` ones an address with TLS may have the options of encrypted connections.
    """
    query = parse_qs(parts.query, strict_parsing=bool(parts.query))
    encrypted = parts.scheme.startswith("rediss")
    unknown = set(query) - known - (_TLS if encrypted else set())
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} is not known in its query")
    return {name: values[-1] for name, values in query.items()}
