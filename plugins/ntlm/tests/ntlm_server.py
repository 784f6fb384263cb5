"""A small HTTP server that authenticates connections by the server side of pyspnego."""

from __future__ import annotations

import base64
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

WIDE_BODY = b"refused " * 1000


class Handler(BaseHTTPRequestHandler):
    """One connection; `handled` of the server has who sent what, and on which connection."""

    protocol_version = "HTTP/1.1"
    server: NtlmServer
    context: Any = None
    user = ""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.legs.append((self.headers.get("Authorization", "")[:4], body))
        given = self.headers.get("Authorization", "")
        if self.user and not given:
            self.served(body)
        elif given.startswith("NTLM "):
            self.negotiate(base64.b64decode(given[5:]), body)
        else:
            self.refuse("NTLM")

    do_GET = do_POST = do_PUT = answer

    def negotiate(self, token: bytes, body: bytes) -> None:
        if self.context is None:
            self.context = spnego.server(
                protocol="ntlm", channel_bindings=self.server.channel_bindings
            )
        try:
            out = self.context.step(token)
        except SpnegoError:
            self.context = None
            self.refuse("NTLM")
            return
        if not self.context.complete:
            self.refuse(self.server.challenge or f"NTLM {base64.b64encode(out).decode()}")
            return
        self.user = self.context.client_principal
        self.served(body)

    def served(self, body: bytes) -> None:
        self.server.handled.append((self.user, body, self.client_address))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if self.server.forgets:
            self.user = ""
            self.context = None
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, challenge: str) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Negotiate")
        self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", str(len(WIDE_BODY)))
        self.end_headers()
        self.wfile.write(WIDE_BODY)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class NtlmServer(ThreadingHTTPServer):
    """Serves until its block ends; with a context, over TLS.

    `forgets`: each request has to be authenticated. `challenge` is sent in place of the right one.
    """

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.handled: list[tuple[str, bytes, Any]] = []
        self.legs: list[tuple[str, bytes]] = []
        self.forgets = False
        self.challenge = ""
        self.channel_bindings: GssChannelBindings | None = None
        self.scheme = "http" if context is None else "https"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def __enter__(self) -> NtlmServer:
        serve = {"poll_interval": 0.02}
        self.thread = threading.Thread(target=self.serve_forever, kwargs=serve)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()
