"""An issuer of tokens: keys, tokens signed by PyJWT, and a key set served over HTTP."""

from __future__ import annotations

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import get_default_algorithms

ISSUER = "https://login.example.com"
AUDIENCE = "https://api.example.com"
SECRET = "a secret that is long enough for all of the hashes, as it should be"

RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}
ED = ed25519.Ed25519PrivateKey.generate()


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a good token; None leaves one out."""
    now = int(time.time())
    found = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 3600}
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def token(
    key: Any = RSA,
    algorithm: str = "RS256",
    headers: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """A token signed by PyJWT."""
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def public_pem(key: Any) -> str:
    """The public half of a key."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: Any) -> str:
    """A key in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def jwk(key: Any, algorithm: str = "RS256", **members: Any) -> dict[str, Any]:
    """The public half of a key as PyJWT writes it, without `key_ops`."""
    written = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    written.pop("key_ops", None)
    return {**written, **members}


class KeySetServer:
    """Serves a key set on loopback, over TLS with a `context`, and counts how often it was fetched.

    `answer` is the body; `status` and `delay` (seconds) say how it is answered. A redirection leads
    to where the key set is.
    """

    def __init__(self, *keys: dict[str, Any], context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.fetched = 0
        self.status = 200
        self.delay = 0.0
        self.answer = b""
        self.publish(*keys)
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}/keys"

    def publish(self, *keys: dict[str, Any]) -> None:
        """Serve these keys from now on."""
        self.answer = json.dumps({"keys": keys}).encode()

    def start(self) -> None:
        """Listen, again on the same port."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched += 1
                time.sleep(issuer.delay)
                self.send_response(200 if self.path == "/moved" else issuer.status)
                self.send_header("Location", "/moved")
                self.send_header("Content-Length", str(len(issuer.answer)))
                self.end_headers()
                self.wfile.write(issuer.answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        if self._context is not None:
            socket = self._context.wrap_socket(self._server.socket, server_side=True)
            self._server.socket = socket
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Be down."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
