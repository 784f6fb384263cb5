"""The listener of the web admin: waitress, over TLS if there is a certificate."""

from __future__ import annotations

import socket
from typing import Any
from wsgiref.types import WSGIApplication

from hansa_http.certificate import ServerCertificate
from hansa_http.tls_socket import TlsSocket
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from .settings import WebSection

MOST_BODY = 32 * 1024 * 1024
"""Bytes of the largest request."""
IDLE = 60
"""Seconds after which a connection is closed on which nothing happens."""


class WebConnection(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection of a browser."""

    socket: socket.socket | TlsSocket

    def handle_read(self) -> None:
        """Read; over TLS there may be nothing to read yet."""
        if isinstance(self.socket, TlsSocket) and not self.socket.fill():
            return
        super().handle_read()


class WebServer(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """Serves an application on a listening socket."""

    channel_class = WebConnection

    def __init__(
        self,
        application: WSGIApplication,
        listening: socket.socket,
        section: WebSection,
        certificate: ServerCertificate | None,
    ) -> None:
        self._certificate = certificate
        super().__init__(
            application,
            {},
            _sock=listening,
            adj=Adjustments(
                threads=section.threads,
                ident="Hansa",
                server_name="localhost",
                url_scheme="https" if certificate else "http",
                asyncore_use_poll=True,
                channel_timeout=IDLE,
                max_request_body_size=MOST_BODY,
                clear_untrusted_proxy_headers=True,
                log_socket_errors=False,
            ),
            sockinfo=(
                listening.family,
                listening.type,
                listening.proto,
                listening.getsockname(),
            ),
            bind_socket=False,
        )

    def accept(self) -> tuple[socket.socket | TlsSocket, Any] | None:
        """Accept a connection; None if nobody waits any more."""
        accepted: tuple[socket.socket, Any] | None = super().accept()
        if accepted is None or self._certificate is None:
            return accepted
        connection, address = accepted
        return TlsSocket(connection, self._certificate.context), address
