"""Where an outgoing HTTP connection leads, and how patiently: its settings."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from hansa import Invalid, setting
from hansa_connect.tls import TlsTrust, is_path

from .forward_proxy import ProxySettings

VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class HttpAddress(TlsTrust):
    """Server and calls.

    Settings of the outgoing connection http. Times are seconds, sizes bytes.
    """

    address: Annotated[
        str,
        setting(
            "Address of the server to call, without credentials",
            pattern="^https?://",
            example="https://api.example.com/v1",
        ),
    ]
    url_path: Annotated[
        str, setting("Path below the address; {name} is filled from the parameters of a call")
    ] = ""
    format: Annotated[
        str,
        setting(
            "Data format of requests, and of responses without a content type that a format reads",
            refers="format",
        ),
    ] = ""
    security: Annotated[
        str | None, setting("Security definition that signs each call", refers="security")
    ] = None
    headers: Annotated[dict[str, str], setting("Headers sent with each call")] = {}
    compression: Annotated[
        Literal["", "gzip", "deflate", "br", "zstd"],
        setting("Content coding of request bodies; empty sends them uncompressed"),
    ] = ""
    cookies: Annotated[
        bool,
        setting(
            "Whether to keep the cookies that the server sets and send them with further calls; "
            "each worker has a session of its own, in memory"
        ),
    ] = False
    proxy: Annotated[
        ProxySettings | None,
        setting("Proxy to call through; without one, the server is called directly"),
    ] = None
    timeout: Annotated[
        float,
        setting(
            "Maximum time to wait for a connection, and for each part of a response", gt=0, le=3600
        ),
    ] = 10.0
    deadline: Annotated[
        float, setting("Maximum time for a whole call, retries included", gt=0, le=86400)
    ] = 30.0
    retries: Annotated[
        int,
        setting(
            "Maximum retries of a failed call, if it is safe to repeat",
            ge=0,
            le=20,
        ),
    ] = 2
    retry_delay: Annotated[
        float,
        setting("Delay before the first retry; it doubles with each", ge=0, le=600, advanced=True),
    ] = 0.2
    pool_size: Annotated[
        int, setting("Maximum connections at a time; further calls wait for one", ge=1, le=10_000)
    ] = 20
    max_response: Annotated[int, setting("Maximum size of a response", ge=1, advanced=True)] = (
        64 * 2**20
    )
    follow_redirects: Annotated[
        bool,
        setting(
            "Whether to follow redirects, only ever to the same host; an answer whose redirect "
            "cannot be followed is a failure",
            advanced=True,
        ),
    ] = True
    ping_method: Annotated[
        str,
        setting(
            "Method of a ping: GET for servers that do not answer HEAD",
            pattern="^[A-Z]+$",
            advanced=True,
        ),
    ] = "HEAD"
    ping_path: Annotated[
        str,
        setting("Path of a ping, below the address; the path of calls by default", advanced=True),
    ] = ""
    verify: Annotated[
        bool, setting("Whether to verify the certificates of servers and proxies")
    ] = True

    @classmethod
    def upgrade(cls, old: dict[str, Any]) -> dict[str, Any]:
        """Take the authorities to trust from where they were before: a file, as `verify`."""
        file = old.get("verify")
        if not isinstance(file, str):
            return old
        path = file if is_path(file) else f"./{file}"
        return {**old, "verify": True, "tls_ca": path}

    def check(self) -> None:
        """The address must be a plain URL, and paths begin with a slash; raises `Invalid`."""
        faults = self.faults_of_trust()
        fault = _fault_of_address(self.address)
        if fault:
            faults["address"] = fault
        for name, path in (("url_path", self.url_path), ("ping_path", self.ping_path)):
            if path and not path.startswith("/"):
                faults[name] = "a path begins with /"
            elif any(c in path for c in "#\r\n \t"):
                faults[name] = "contains characters that a path cannot have"
        rest = VARIABLE.sub("", self.url_path)
        if "{" in rest or "}" in rest:
            faults["url_path"] = "the braces are not in pairs around a name"
        if self.tls_ca and not self.verify:
            faults["tls_ca"] = "has no meaning where verify is off"
        if faults:
            raise Invalid(faults)


def _fault_of_address(address: str) -> str:
    """Return what is wrong with an address; an empty text if nothing is."""
    try:
        parts = urlsplit(address)
        if not parts.hostname or parts.port == 0:
            return "names no host"
    except ValueError as error:
        return str(error)
    if parts.username or parts.password:
        return "credentials belong in a security definition"
    if parts.query or parts.fragment or re.search(r"[\s\x00-\x1f{}]", address):
        return "contains a query, a fragment or invalid characters; those belong in the path"
    return ""
