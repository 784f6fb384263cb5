"""The listener of the web admin: waitress, over TLS if there is a certificate."""

from __future__ import annotations

import socket
from typing import Any, TypeAlias
from wsgiref.types import WSGIApplication

from hansa_http.admission import Admission, Occupation
from hansa_http.certificate import ServerCertificate
from hansa_http.parser import Parser
from hansa_http.tls_socket import TlsSocket
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from .settings import WebSection

AnySocket: TypeAlias = socket.socket | TlsSocket

MOST_BODY = 32 * 1024 * 1024
"""Bytes of the largest request to the web admin."""
LARGEST_HEADER = 16 * 1024
"""Bytes of the address and the headers of the largest request."""
IDLE = 60
"""Seconds after which a connection is closed on which nothing happens."""
MOST_CONNECTIONS = 1000
"""Connections that are open at once; a further one ends another, idle ones first."""
SPARE = 10
"""Connections beyond that, which are accepted for others to be ended."""


class WebConnection(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection of a browser."""

    server: WebServer
    socket: AnySocket
    last_activity: float
    parser_class = Parser

    def __init__(
        self,
        server: WebServer,
        sock: AnySocket,
        addr: tuple[str, int],
        adj: Adjustments,
        map: dict[int, object] | None = None,
    ) -> None:
        super().__init__(server, sock, addr, adj, map=map)
        self.address = str(addr[0])
        server.admission.enter(self)

    def del_channel(self, map: dict[int, object] | None = None) -> None:
        """Forget this connection, which is closed."""
        super().del_channel(map)
        self.server.admission.leave(self)

    @property
    def occupation(self) -> Occupation:
        """What this connection is open for at the moment."""
        if self.requests:
            return Occupation.SERVED
        if self.total_outbufs_len:
            return Occupation.UNREAD
        return Occupation.IDLE if self.request is None else Occupation.INCOMPLETE

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
        most_body: int = MOST_BODY,
    ) -> None:
        self._certificate = certificate
        self.admission = Admission(
            MOST_CONNECTIONS, 0, lambda address: False, named=f"{MOST_CONNECTIONS}"
        )
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
                connection_limit=MOST_CONNECTIONS + SPARE,
                max_request_header_size=LARGEST_HEADER,
                # waitress refuses a body of exactly its limit
                max_request_body_size=most_body + 1,
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

    def accept(self) -> tuple[AnySocket, Any] | None:
        """Accept a connection; None if nobody waits any more."""
        accepted: tuple[socket.socket, Any] | None = super().accept()
        if accepted is None or self._certificate is None:
            return accepted
        connection, address = accepted
        return TlsSocket(connection, self._certificate.context), address
