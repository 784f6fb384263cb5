"""A stand-in of Keystone's token API, version 3, for tests.

Written from its public documentation (POST /v3/auth/tokens), and strict: what a request has too much,
too little or in another shape is answered with 400 and noted in `faults`. The tokens that it gives
are those of the real Swift's own login, so that Swift takes them.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

DEFAULT = {"name": "Default"}


class Malformed(Exception):
    """A request is not what the documentation says."""


class Refused(Exception):
    """Nobody has these credentials."""


class Keystone:
    """Knows the user `hansa` of the project `billing`, and an application credential."""

    def __init__(self, swift: Any) -> None:
        self.swift = swift
        self.password = "right"
        self.faults: list[str] = []
        self.logins = 0
        self.lifetime = timedelta(hours=1)
        keystone = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(404, {"error": {"code": 404, "title": "Not Found", "message": "no"}})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    keystone.check_request(self.path, dict(self.headers), body)
                    given = json.loads(body)
                    keystone.check_login(given)
                except Malformed as error:
                    keystone.faults.append(str(error))
                    self.answer(400, {"error": {"code": 400, "title": "Bad Request"}})
                except Refused:
                    told = "The request you have made requires authentication."
                    error = {"code": 401, "title": "Unauthorized", "message": told}
                    self.answer(401, {"error": error})
                else:
                    keystone.logins += 1
                    self.answer(201, keystone.token(given), keystone.subject_token())

            def answer(self, status: int, body: Any, token: str = "") -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if token:
                    self.send_header("X-Subject-Token", token)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Keystone:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}/v3"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it, and Swift by it."""
        return {
            "auth_url": self.address,
            "username": "hansa",
            "password": self.password,
            "project": "billing",
            "region": "RegionOne",
            "tls_ca": str(self.swift.pem),
            "container": "orders",
        }

    # -- what it is asked --------------------------------------------------------------------------

    def check_request(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Raise `Malformed` for another request than one for a token."""
        if path != "/v3/auth/tokens":
            raise Malformed(f"no such path: {path}")
        if headers.get("Content-Type") != "application/json":
            raise Malformed("the body must be JSON")
        if "X-Auth-Token" in headers:
            raise Malformed("a login has no token yet")
        try:
            json.loads(body)
        except ValueError as error:
            raise Malformed("the body is no JSON") from error

    def check_login(self, given: dict[str, Any]) -> None:
        """Raise what is wrong with a login."""
        fields(given, {"auth"})
        identity = given["auth"].get("identity", {})
        methods = identity.get("methods")
        if methods == ["application_credential"]:
            fields(given["auth"], {"identity"})  # such a login has the scope of the credential
            fields(identity, {"methods", "application_credential"})
            fields(identity["application_credential"], {"id", "secret"})
            if identity["application_credential"] != {"id": "c0ffee", "secret": self.password}:
                raise Refused
            return
        fields(given["auth"], {"identity", "scope"})
        fields(identity, {"methods", "password"})
        if methods != ["password"]:
            raise Malformed(f"methods {methods}")
        fields(identity["password"], {"user"})
        user = {"name": "hansa", "domain": DEFAULT, "password": self.password}
        fields(identity["password"]["user"], set(user))
        fields(given["auth"]["scope"], {"project"})
        project = given["auth"]["scope"]["project"]
        if identity["password"]["user"] != user:
            raise Refused
        if project not in ({"name": "billing", "domain": DEFAULT}, {"id": "b1"}):
            raise Refused

    # -- what it answers ---------------------------------------------------------------------------

    def subject_token(self) -> str:
        """Return a token that Swift takes."""
        return self._login_of_swift()["X-Auth-Token"]

    def token(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what a token is for, and where the services are."""
        now = datetime.now(UTC)
        url = self._login_of_swift()["X-Storage-Url"]
        where = {("RegionOne", "public"): url, ("RegionTwo", "public"): "https://127.0.0.1:1/v1/x"}
        endpoints = [
            {"id": region, "interface": face, "region": region, "region_id": region, "url": place}
            for (region, face), place in where.items()
        ]
        return {
            "token": {
                "methods": given["auth"]["identity"]["methods"],
                "user": {"id": "u1", "name": "hansa", "domain": {"id": "default", **DEFAULT}},
                "project": {"id": "b1", "name": "billing", "domain": {"id": "default", **DEFAULT}},
                "roles": [{"id": "r1", "name": "member"}],
                "is_domain": False,
                "issued_at": text_of(now),
                "expires_at": text_of(now + self.lifetime),
                "audit_ids": ["3T2dc1CGQxyJsHdDu1xkcw"],
                "catalog": [
                    {"id": "s1", "name": "swift", "type": "object-store", "endpoints": endpoints}
                ],
            }
        }

    def _login_of_swift(self) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"X-Auth-User": self.swift.username, "X-Auth-Key": self.swift.password}
            told = session.get(
                self.swift.address, headers=headers, verify=str(self.swift.pem), timeout=20
            )
        return told.headers


def fields(found: Any, names: set[str]) -> None:
    """Raise `Malformed` unless an object has exactly these members."""
    if not isinstance(found, dict) or set(found) != names:
        raise Malformed(f"members {sorted(names)} were expected, and not {found!r:.200}")


def text_of(moment: datetime) -> str:
    """Return a moment as Keystone writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
