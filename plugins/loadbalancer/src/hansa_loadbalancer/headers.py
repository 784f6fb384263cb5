"""Headers that mean something to the servers behind the load-balancer, those of installed dialects
included.

A distribution names its own by an entry point of the group `hansa.headers`, whose value is a module
with one or both of `CORRELATION_HEADERS`, which carry a correlation id, and `ADDRESS_HEADERS`,
which only a proxy may set: each a sequence of names.
"""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from typing import Final

from hansa import Invalid

GROUP: Final = "hansa.headers"
OWN_CORRELATION_HEADER: Final = "X-Hansa-CID"
PROXY_HEADER: Final = "X-Hansa-Proxy"
"""The header by which the load-balancer proves itself to servers."""

# what a client says of itself and only a proxy may say; a server that trusts this load-balancer
# believes it
FORGEABLE_PREFIXES: Final = (
    "x-forwarded",
    "x-ssl",
    "ssl-client",
    "x-client-cert",
    "x-client-verify",
    "x-client-dn",
    "client-cert",
)
_FORGEABLE: Final = (
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "proxy",
    PROXY_HEADER.lower(),
    "x-arr-clientcert",
)
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def correlation_headers() -> list[str]:
    """Return the headers that may carry a request's correlation id; of several, the last counts."""
    return [*_declared("CORRELATION_HEADERS"), OWN_CORRELATION_HEADER]


def forgeable_headers() -> list[str]:
    """Return the headers, besides `FORGEABLE_PREFIXES`, that are deleted from requests of clients."""
    return [*_FORGEABLE, *_declared("ADDRESS_HEADERS")]


def _declared(attribute: str) -> list[str]:
    """Return the headers that distributions name, sorted; raises `Invalid` for what is no name."""
    found: set[str] = set()
    for entry in entry_points(group=GROUP):
        for name in getattr(entry.load(), attribute, ()):
            if not _NAME.fullmatch(name):
                raise Invalid(f"{entry.value}: {name!r} is not a valid name of a header")
            found.add(name)
    return sorted(found)
