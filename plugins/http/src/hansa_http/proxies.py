"""Trusted proxies: whose X-Forwarded-For, X-Forwarded-Proto and Client-Cert headers count.

An address alone proves little where other programs have it, too, as on the proxy's own machine:
with a secret, headers count only in requests that carry it. Client certificates are forwarded only
with a secret.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from wsgiref.types import WSGIEnvironment

from .client_certificate import CLIENT_CERT, CLIENT_CERT_CHAIN, CONNECTION

_CERTIFICATES = (CLIENT_CERT, CLIENT_CERT_CHAIN)
_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_FORWARDED",
    *_CERTIFICATES,
)
_PROOF = "HTTP_X_HANSA_PROXY"
"""Where a WSGI environment has the header by which a proxy proves itself."""


class Proxies:
    """The proxies whose statement of a caller's address counts; headers of anybody else's are
    dropped.

    A proxy is at one of the `trusted` addresses or networks, and sends the `secret`, if there is
    one, in the header X-Hansa-Proxy, which no service sees.
    """

    def __init__(self, trusted: Iterable[str] = (), secret: str = "") -> None:
        networks = [ip_network(one, strict=False) for one in trusted]
        self.any = bool(networks)
        self.any_local_program = not secret and any(one.is_loopback for one in networks)
        self._secret = secret.encode()

        @lru_cache(maxsize=1024)
        def trusts(address: str) -> bool:
            try:
                found = ip_address(address)
            except ValueError:
                return False
            return any(found in network for network in networks)

        self.trusts = trusts

    def peer(self, environ: WSGIEnvironment) -> str:
        """Return the address of the caller: the last one in X-Forwarded-For that is no trusted
        proxy.

        Headers that nobody vouches for are taken out of the environment, and so is the certificate
        of a connection that is the proxy's and not the caller's.
        """
        address: str = environ.get("REMOTE_ADDR", "")
        proof: str = environ.pop(_PROOF, "")
        if not self.any or not self.trusts(address) or not self._is_proof(proof):
            for key in _FORWARDED:
                environ.pop(key, None)
            return address
        environ.pop(CONNECTION, None)
        if not self._secret:
            for key in _CERTIFICATES:
                environ.pop(key, None)
        scheme = environ.get("HTTP_X_FORWARDED_PROTO")
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        return self._behind(address, environ.get("HTTP_X_FORWARDED_FOR", ""))

    def _is_proof(self, given: str) -> bool:
        """Whether a request comes through a proxy that knows the secret."""
        if not self._secret:
            return True
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._secret)

    def _behind(self, address: str, forwarded_for: str) -> str:
        """Return who is behind a trusted proxy, and behind those that it says were before it."""
        for part in reversed(forwarded_for.split(",")):
            hop = part.strip()
            if not hop:
                break
            address = hop
            if not self.trusts(hop):
                break
        return address
