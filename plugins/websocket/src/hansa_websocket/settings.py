"""The settings of WebSocket servers and clients."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from hansa import Invalid, Model, setting
from hansa_connect.tls import TlsSettings, TlsTrust


class MessageSettings(Model):
    """Messages.

    Limits and time limits of all types.
    """

    max_body: Annotated[
        int,
        setting(
            "Maximum size of a message in bytes; one that sends a larger one is closed with 1009",
            ge=1,
            le=1 << 30,
        ),
    ] = 1024 * 1024
    ping_interval: Annotated[
        float, setting("Seconds between two pings of the other side", gt=0, le=3600)
    ] = 20.0
    ping_timeout: Annotated[
        float,
        setting("Seconds within which a ping has to be answered, else it is lost", gt=0, le=3600),
    ] = 20.0
    timeout: Annotated[
        float,
        setting("Time limit in seconds for connecting, for a call, and for ending", gt=0, le=600),
    ] = 10.0


class ListeningSettings(MessageSettings, TlsSettings):
    """Listening.

    Where clients connect to, and how many may. With `tls` the channel presents `tls_certificate`,
    and asks clients for certificates of `tls_ca`, if that is set.
    """

    host: Annotated[str, setting("Address to listen at; 0.0.0.0 for all", min_length=1)] = (
        "127.0.0.1"
    )
    port: Annotated[int, setting("TCP port to listen at", ge=1, le=65535)]
    path: Annotated[str, setting("Path that clients ask for", pattern=r"^/[^?#\s]*$")] = "/"
    origins: Annotated[
        list[str],
        setting(
            "Origins of web pages that may connect, such as https://shop.example.com; browsers "
            "are refused without"
        ),
    ] = []
    max_connections: Annotated[
        int, setting("Maximum connections; further ones get status 503", ge=1, le=100_000)
    ] = 500
    pool: Annotated[
        int, setting("Messages handled at the same time, one of each connection", ge=1, le=1000)
    ] = 5
    max_waiting: Annotated[
        int,
        setting(
            "Bytes that may wait for a client which does not read; one with more is closed with "
            "1013",
            ge=1,
            le=1 << 30,
        ),
    ] = 4 * 1024 * 1024
    respond: Annotated[bool, setting("Send what the service returns to the client")] = True
    hook_service: Annotated[
        str,
        setting(
            "Service that is told when a client has connected, before its first message, and when "
            "it has gone",
            refers="service",
        ),
    ] = ""

    def check(self) -> None:
        """Refuse TLS without a certificate, and what is no origin; raises `Invalid`."""
        super().check()
        faults: dict[str, str] = {}
        if self.tls and not self.tls_certificate:
            faults["tls_certificate"] = "required with tls"
        for origin in self.origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
                faults["origins"] = f"{origin!r} is no origin, such as https://shop.example.com"
        if faults:
            raise Invalid(faults)


class ConnectingSettings(MessageSettings, TlsTrust):
    """Connecting.

    Where a WebSocket server is, and what to tell it.
    """

    url: Annotated[
        str,
        setting("Address: ws://HOST:PORT/PATH, or wss:// with TLS", example="wss://example.com/x"),
    ]
    subprotocol: Annotated[str, setting("Subprotocol to ask for; empty for none")] = ""
    subscribe: Annotated[
        list[str],
        setting(
            "Messages to send each time that a connection has been made, such as subscriptions"
        ),
    ] = []

    @property
    def signed_by(self) -> str:
        """The security definition that signs the request to connect; empty for none."""
        return ""

    @property
    def encrypted(self) -> bool:
        """Whether the address asks for TLS."""
        return self.url.startswith("wss:")

    def check(self) -> None:
        """Refuse what is no address, and one with a password in it; raises `Invalid`."""
        super().check()
        fault = _url_fault(self.url)
        if fault:
            raise Invalid({"url": fault})


class FeedSettings(ConnectingSettings):
    """Feed."""

    login: Annotated[
        str | None,
        setting(
            "Security definition that signs the request to connect; when it is edited, the channel "
            "connects anew",
            refers="security",
        ),
    ] = None
    pool: Annotated[
        int,
        setting("Messages handled at the same time; with 1 in the order in which they come", ge=1),
    ] = 1
    respond: Annotated[bool, setting("Send what the service returns to the server")] = False

    @property
    def signed_by(self) -> str:
        """The security definition that signs the request to connect."""
        return self.login or ""


class SendingSettings(ConnectingSettings):
    """Sending."""

    security: Annotated[
        str | None,
        setting(
            "Security definition that signs the request to connect; when it is edited, the "
            "connection is made anew",
            refers="security",
        ),
    ] = None

    @property
    def signed_by(self) -> str:
        """The security definition that signs the request to connect."""
        return self.security or ""


def _url_fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is not a number
    except ValueError as error:
        return f"is no address: {error}"
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        return "must look like ws://HOST:PORT/PATH or wss://HOST:PORT/PATH"
    if parts.username or parts.password:
        return "holds a login, which would be shown; name a security definition"
    return "must have no fragment" if parts.fragment else ""
