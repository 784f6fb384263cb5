"""Trusted proxies: whose X-Forwarded-For and X-Forwarded-Proto headers count."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from wsgiref.types import WSGIEnvironment

_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_FORWARDED",
)


class Proxies:
    """The proxies whose statement of a caller's address counts; headers of anybody else's are
    dropped.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        networks = [ip_network(one, strict=False) for one in trusted]
        self.any = bool(networks)

        @lru_cache(maxsize=1024)
        def trusts(address: str) -> bool:
            try:
                found = ip_address(address)
            except ValueError:
                return False
            return any(found in network for network in networks)

        self._trusts = trusts

    def peer(self, environ: WSGIEnvironment) -> str:
        """Return the address of the caller: the last one in X-Forwarded-For that is no trusted
        proxy.
        """
        address: str = environ.get("REMOTE_ADDR", "")
        if not self.any or not self._trusts(address):
            for key in _FORWARDED:
                environ.pop(key, None)
            return address
        scheme = environ.get("HTTP_X_FORWARDED_PROTO")
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        return self._behind(address, environ.get("HTTP_X_FORWARDED_FOR", ""))

    def _behind(self, address: str, forwarded_for: str) -> str:
        """Return who is behind a trusted proxy, and behind those that it says were before it."""
        for part in reversed(forwarded_for.split(",")):
            hop = part.strip()
            if not hop:
                break
            address = hop
            if not self._trusts(hop):
                break
        return address
