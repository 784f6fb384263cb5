"""Cross-origin requests of browsers: which pages may call a channel (the Fetch standard, CORS)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated
from wsgiref.types import WSGIEnvironment

from hansa import Invalid, Model, Response, setting

from .vary import add_vary

_is_origin = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?|null"
).fullmatch
_is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch


class Cors(Model):
    """Which pages of other origins may call a channel."""

    origins: Annotated[
        list[str],
        setting(
            "Origins whose pages may call the channel, or * for any; empty for none",
            example=["https://app.example.com"],
        ),
    ] = []
    headers: Annotated[
        list[str],
        setting("Request headers that pages may send, or * for any", example=["X-API-Key"]),
    ] = ["Authorization", "Content-Type"]
    expose: Annotated[
        list[str], setting("Response headers that pages may read, besides the simple ones")
    ] = ["X-Hansa-CID"]
    credentials: Annotated[
        bool, setting("Whether browsers send cookies and credentials of theirs along")
    ] = False
    max_age: Annotated[
        int,
        setting("Seconds for which browsers remember the answer to a preflight", ge=0, le=86400),
    ] = 600

    def check(self) -> None:
        """Origins must be scheme, host and port; credentials need origins by name."""
        faults: dict[str, str] = {}
        for index, origin in enumerate(self.origins):
            if origin != "*" and not _is_origin(origin):
                faults[f"origins[{index}]"] = "is not SCHEME://HOST:PORT, without a path"
        for setting_name, names in (("headers", self.headers), ("expose", self.expose)):
            for index, name in enumerate(names):
                if not _is_token(name):
                    faults[f"{setting_name}[{index}]"] = "is not a valid name of a header"
        if self.credentials and "*" in self.origins:
            faults["credentials"] = "need origins by name, not *"
        if faults:
            raise Invalid(faults)

    def allow(self, response: Response, environ: WSGIEnvironment) -> bool:
        """Let the page that asks read a response, if its origin is allowed; returns whether it is."""
        origin = environ.get("HTTP_ORIGIN", "")
        any_origin = "*" in self.origins
        if not any_origin:
            add_vary(response, "Origin")
        if not origin or not (any_origin or origin.lower() in self._allowed_origins()):
            return False
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = "*" if any_origin else origin
        if self.credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        if self.expose:
            headers["Access-Control-Expose-Headers"] = ", ".join(self.expose)
        return True

    def answer_preflight(
        self, response: Response, environ: WSGIEnvironment, methods: Iterable[str]
    ) -> None:
        """Say to a browser which methods and headers its page may use, if its origin is allowed."""
        if not self.allow(response, environ):
            return
        headers = response.headers
        headers.pop("Access-Control-Expose-Headers", None)
        headers["Access-Control-Allow-Methods"] = ", ".join(sorted(methods))
        headers["Access-Control-Max-Age"] = str(self.max_age)
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
        # a * from a server does not stand for Authorization, nor where credentials are sent
        allowed = asked if "*" in self.headers else ", ".join(self.headers)
        if allowed:
            headers["Access-Control-Allow-Headers"] = allowed

    def _allowed_origins(self) -> set[str]:
        return {origin.lower() for origin in self.origins}


def is_preflight(environ: WSGIEnvironment) -> bool:
    """Whether a browser asks if a page may send a request (CORS-preflight request)."""
    return (
        environ["REQUEST_METHOD"] == "OPTIONS"
        and "HTTP_ORIGIN" in environ
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    )
