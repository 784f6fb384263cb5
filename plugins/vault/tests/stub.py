"""A stand-in for Vault, strict about the part of its documented HTTP API (version 1) that is used:
AppRole and Kubernetes logins, tokens with leases, and the KV engine, version 2.

What it does not know, or what Vault would not take, it refuses with 400 and notes in `misuses`.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

Answer = tuple[int, dict[str, Any]]
DENIED: Answer = (403, {"errors": ["permission denied"]})
KNOWN_HEADERS = {
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "x-vault-namespace",
    "x-vault-request",
    "x-vault-token",
}


@dataclass
class Issued:
    """A token: `ends` is when, None if it does not; `paths` what it may read, None for all."""

    ttl: int
    renewable: bool
    ends: float | None
    paths: set[str] | None = None


@dataclass
class VaultStub:
    """Serves on loopback until `stop`.

    `secrets` maps namespace and path to the fields of each version, None for a deleted one; `sealed`
    answers as a sealed vault does; `missing` are mounts without a login; `delay` is in seconds;
    `requests` holds what was asked.
    """

    context: ssl.SSLContext | None = None
    secrets: dict[tuple[str, str], list[dict[str, Any] | None]] = field(default_factory=dict)
    tokens: dict[str, Issued] = field(default_factory=dict)
    approles: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    kubernetes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    sealed: bool = False
    raw_answer: bytes | None = None
    delay: float = 0.0
    requests: list[str] = field(default_factory=list)
    misuses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is logged."""

            def answer(self) -> None:
                stub.answer(self)

            do_GET = do_POST = do_PUT = do_LIST = answer

        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if self.context is not None:
            self._server.socket = self.context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.address = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        """Let nobody connect any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # -- what a test arranges ----------------------------------------------------------------------

    def put(self, path: str, namespace: str = "", **fields: Any) -> None:
        """Write a new version of a secret below the mount `secret`."""
        self.secrets.setdefault((namespace, f"secret/{path}"), []).append(fields)

    def delete(self, path: str) -> None:
        """Delete the current version of a secret."""
        self.secrets["", f"secret/{path}"].append(None)

    def issue(
        self,
        token: str,
        *,
        ttl: int = 0,
        renewable: bool = False,
        paths: set[str] | None = None,
    ) -> str:
        """Have a token accepted for `ttl` seconds, 0 for ever, below these paths alone."""
        ends = time.monotonic() + ttl if ttl else None
        self.tokens[token] = Issued(ttl, renewable, ends, paths)
        return token

    def revoke_all(self) -> None:
        """Accept none of the tokens that were issued."""
        self.tokens.clear()

    # -- the API -----------------------------------------------------------------------------------

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        length = int(handler.headers.get("Content-Length", "0"))
        body = handler.rfile.read(length)
        if self.delay:
            time.sleep(self.delay)
        with self._lock:
            self.requests.append(f"{handler.command} {handler.path}")
            status, content = self._judge(handler, body)
        sent = self.raw_answer or json.dumps(content).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(sent)))
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            # whoever asked has stopped waiting
            handler.wfile.write(sent)

    def _judge(self, handler: BaseHTTPRequestHandler, body: bytes) -> Answer:
        unknown = {name.lower() for name in handler.headers} - KNOWN_HEADERS
        if unknown:
            return self._misused(f"headers {unknown}")
        if handler.headers.get("X-Vault-Request") != "true":
            return self._misused("no X-Vault-Request")
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        given: Any = {}
        if body:
            try:
                given = json.loads(body)
            except ValueError:
                return self._misused("the body is no JSON")
        namespace = handler.headers.get("X-Vault-Namespace", "")
        token = handler.headers.get("X-Vault-Token", "")
        return self._route(handler.command, handler.path, given, token, namespace)

    def _route(self, method: str, path: str, given: Any, token: str, namespace: str) -> Answer:
        parts = path.split("/")
        if parts[:3] == ["", "v1", "auth"] and parts[-1] == "login" and method == "POST":
            return self._log_in("/".join(parts[3:-1]), given, token)
        if not path.startswith("/v1/"):
            return self._misused(path)
        issued = self.tokens.get(token)
        if issued is None or (issued.ends is not None and issued.ends < time.monotonic()):
            return DENIED
        if (method, path) == ("POST", "/v1/auth/token/renew-self"):
            return self._renew(token, issued)
        if (method, path) == ("GET", "/v1/auth/token/lookup-self"):
            left = 0 if issued.ends is None else int(issued.ends - time.monotonic())
            return 200, {"data": {"id": token, "ttl": left, "renewable": issued.renewable}}
        if method == "GET" and len(parts) > 4 and parts[3] == "data":
            return self._read(f"{parts[2]}/{'/'.join(parts[4:])}", issued, namespace)
        return self._misused(f"{method} {path}")

    def _log_in(self, mount: str, given: Any, token: str) -> Answer:
        if mount in self.missing:
            return 404, {"errors": ["no handler for route"]}
        if token:
            return self._misused("a token at a login")
        if set(given) == {"role_id", "secret_id"}:
            found = self.approles.get((mount, f"{given['role_id']}:{given['secret_id']}"))
        elif set(given) == {"role", "jwt"}:
            found = self.kubernetes.get((mount, f"{given['role']}:{given['jwt']}"))
        else:
            return self._misused(f"login with {sorted(given)}")
        if found is None:
            return 400, {"errors": ["invalid role or secret ID"]}
        new = self.issue(f"hvs.{len(self.requests)}", **found)
        return 200, {"auth": self._lease(new)}

    def _renew(self, token: str, issued: Issued) -> Answer:
        if not issued.renewable:
            return 400, {"errors": ["lease is not renewable"]}
        issued.ends = time.monotonic() + issued.ttl
        return 200, {"auth": self._lease(token)}

    def _lease(self, token: str) -> dict[str, Any]:
        issued = self.tokens[token]
        return {
            "client_token": token,
            "lease_duration": issued.ttl,
            "renewable": issued.renewable,
            "policies": ["default"],
        }

    def _read(self, quoted: str, issued: Issued, namespace: str) -> Answer:
        path = unquote(quoted)
        if issued.paths is not None and path not in issued.paths:
            return DENIED
        versions = self.secrets.get((namespace, path), [])
        metadata = {"version": len(versions), "destroyed": False}
        if not versions:
            return 404, {"errors": []}
        if versions[-1] is None:
            return 404, {"data": {"data": None, "metadata": metadata}}
        return 200, {"data": {"data": versions[-1], "metadata": metadata}, "lease_duration": 0}

    def _misused(self, what: str) -> Answer:
        self.misuses.append(what)
        return 400, {"errors": [f"not the API: {what}"]}
