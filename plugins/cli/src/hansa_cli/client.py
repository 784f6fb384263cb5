"""A client of the admin API."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping

from .access import PASSWORD_VARIABLE, USER
from .failures import Refusal, Unreachable, may_be_done
from .location import SYSTEM_TRUST, Located, Trust
from .plain import JsonObject

PREFIX = "/hansa/api/"

PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds between questions whose answers are lost."""

NO_CHANNEL = "no-channel"
"""The error code of a server where nothing is served at a path."""


class Client:
    """Calls the services of the admin API at a URL, with the user's password if one was found."""

    def __init__(
        self,
        server: Located,
        password: Located | None,
        trust: Trust = SYSTEM_TRUST,
        user: str = USER,
    ) -> None:
        self.server = server
        self.password = password
        self.trust = trust
        self.user = user

    @property
    def url(self) -> str:
        """The URL of the server, without a slash at its end."""
        return self.server.value

    def call(self, service: str, data: Mapping[str, object] | None = None) -> JsonObject:
        """Call an admin service and return its answer, `{}` if it has none.

        Raises `Refusal` or `Unreachable`.
        """
        return self._send(PREFIX + service, json.dumps(dict(data or {})).encode())

    def openapi(self) -> JsonObject:
        """Return the OpenAPI description of everything that can be called.

        Asks again where the answer is lost: the worker that was asked may have ended. Raises
        `Refusal` or `Unreachable`.
        """
        for pause in PAUSES:
            try:
                return self._send(PREFIX + "openapi.json", None)
            except (Refusal, Unreachable) as failure:
                if not may_be_done(failure):
                    raise
                time.sleep(pause)
        return self._send(PREFIX + "openapi.json", None)

    def _send(self, path: str, body: bytes | None) -> JsonObject:
        # PERF: urllib.request is half of the time in which the command line starts
        from .transport import NoAnswer, exchange

        try:
            reply = exchange(self.url + path, body, self._headers(body), self.trust)
        except NoAnswer as failed:
            raise self._unreachable(str(failed), is_sent=failed.is_sent) from None
        if reply.status >= 300:
            raise self._refusal(reply.status, reply.body)
        answer = _json_object(reply.body)
        if answer is None:
            raise Refusal(
                {
                    "status": reply.status,
                    "title": "Not an answer of Hansa",
                    "detail": f"{self.url}{path} did not answer with a JSON object",
                }
            )
        return answer

    def _headers(self, body: bytes | None) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "hansa"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.password is not None:
            credentials = f"{self.user}:{self.password.value}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(credentials).decode()
        return headers

    def _unreachable(self, reason: str, *, is_sent: bool) -> Unreachable:
        unreachable = Unreachable(
            f"no server answers at {self.url} ({reason}).\n{self._advice(reason)}"
            f"  The address comes from {self.server.origin}; change it with --server URL or "
            f"HANSA_SERVER, name the server's folder with --dir or HANSA_DIR, or a context with "
            f"--context or `hansa context use`."
        )
        unreachable.is_sent = is_sent
        return unreachable

    def _advice(self, reason: str) -> str:
        """Return what may be wrong with the certificate or the scheme, as a line, if anything."""
        if "certificate verify failed" in reason:
            return (
                "  Name the file of the authority that signed the certificate with --ca FILE or "
                "HANSA_CA, and the host as the certificate does.\n"
            )
        if "closed connection without response" in reason and self.url.startswith("http:"):
            return "  If it speaks HTTPS, write the address with https://.\n"
        return ""

    def _refusal(self, status: int, body: bytes) -> Refusal:
        problem = _json_object(body)
        if not problem:
            text = body[:500].decode(errors="replace").strip()
            problem = {
                "status": status,
                "title": "Refused",
                "detail": text or f"{self.url} answered with status {status}",
            }
        return Refusal(problem, self._hint(status, problem))

    def _hint(self, status: int, problem: JsonObject) -> str:
        """Return what may be wrong with the password or the address, if anything."""
        # a role that is not held is no question of the password
        if status == 401 or (status == 403 and problem.get("code") != "forbidden"):
            found = "no password was found"
            if self.password is not None:
                found = f"the password came from {self.password.origin}"
            return (
                f"{found}; give it by {PASSWORD_VARIABLE}, --password-file, "
                "or name the server's folder with --dir"
            )
        if status == 404 and problem.get("code", NO_CHANNEL) == NO_CHANNEL:
            return (
                f"is {self.url} a Hansa server with the admin plugin? "
                f"the address comes from {self.server.origin}"
            )
        return ""


def _json_object(text: bytes) -> JsonObject | None:
    """Return the JSON object that was received, `{}` for nothing or null; None if it is not one."""
    try:
        found = json.loads(text or b"null")
    except ValueError:
        return None
    if found is None:
        return {}
    return found if isinstance(found, dict) else None
