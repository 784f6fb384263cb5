"""The head of a request: what granian reads leniently is refused as hansa-http does, the rest
becomes a WSGI environment.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TypedDict
from wsgiref.types import WSGIEnvironment

from hansa import TooLarge
from hansa_http.errors import header_too_large, malformed
from hansa_http.parser import has_refused_byte, is_authority

SEPARATORS = 4
"""Bytes of a header field besides its name and its value: the colon, a space, the line end."""
REQUEST_LINE = 12
"""Bytes of a request line besides its method and its target."""
LONGEST_HOST = 1024
_WITHOUT_PREFIX = ("CONTENT_TYPE", "CONTENT_LENGTH")


class Scope(TypedDict):
    """A request as granian tells it (ASGI 3.0), as far as it is used here."""

    http_version: str
    server: tuple[str, str]
    client: tuple[str, str]
    scheme: str
    raw_path: bytes
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    method: str


@lru_cache(maxsize=1024)
def key_of(name: bytes) -> str:
    """Return the key of a header in the WSGI environment; empty for a header that is left out.

    With an underscore it could not be told from another one with a dash, which a proxy vouches for.
    """
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in _WITHOUT_PREFIX else "HTTP_" + key


@lru_cache(maxsize=1024)
def is_host(text: str) -> bool:
    """Return whether a text is a host, with or without a port.

    PERF: most requests have the same one.
    """
    return len(text) <= LONGEST_HOST and is_authority(text)


def environ_of(scope: Scope) -> WSGIEnvironment:
    """Return the WSGI environment of a request, without its body."""
    address, port = scope["client"]
    target = scope["raw_path"].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    environ: WSGIEnvironment = {
        "REMOTE_ADDR": address,
        "REMOTE_HOST": address,
        "REMOTE_PORT": port,
        "REQUEST_METHOD": scope["method"].upper(),
        "SERVER_PORT": scope["server"][1],
        "SERVER_NAME": "localhost",
        "SERVER_SOFTWARE": "Hansa",
        "SERVER_PROTOCOL": "HTTP/1.1" if scope["http_version"] == "1.1" else "HTTP/1.0",
        "SCRIPT_NAME": "",
        "PATH_INFO": target,
        "REQUEST_URI": f"{target}?{query}" if query else target,
        "QUERY_STRING": query,
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in scope["headers"]:
        key = key_of(name)
        if not key:
            continue
        text = value.decode("latin-1")
        if key in environ:
            separator = "; " if key == "HTTP_COOKIE" else ", "
            text = f"{environ[key]}{separator}{text}"
        environ[key] = text
    return environ


def check_head(scope: Scope, environ: WSGIEnvironment, max_header: int) -> None:
    """Raise `HansaError` for a head that is too large, or could be understood in two ways."""
    if has_refused_byte(scope["raw_path"] + scope["query_string"]):
        raise malformed("the target of the request contains a character that must be encoded")
    path = scope["raw_path"]
    is_asterisk = path == b"*" and scope["method"] == "OPTIONS"
    if not path.startswith(b"/") and not is_asterisk and scope["method"] != "CONNECT":
        raise malformed("the target of the request is neither a path nor an address")
    if scope["method"] == "CONNECT":
        raise malformed("CONNECT is not supported", 501, "Not implemented")
    host: str | None = environ.get("HTTP_HOST")
    if host is None and environ["SERVER_PROTOCOL"] == "HTTP/1.1":
        raise malformed("the header Host is missing")
    if host is not None and not is_host(host):
        raise malformed("the header Host is not a host, or is given more than once")
    size = len(environ["REQUEST_URI"]) + len(scope["method"]) + REQUEST_LINE
    for name, value in scope["headers"]:
        size += len(name) + len(value) + SEPARATORS
    if size > max_header:
        raise header_too_large("the head of the request is")


def take_length(environ: WSGIEnvironment, max_body: int) -> int | None:
    """Return the size of the body that is to come, None where it tells its end by chunks.

    The transfer coding is taken out: applications see a body of a known length. Raises `HansaError`
    for a body that is too large, and where its end is not beyond doubt (RFC 9112, section 6.1).
    """
    length: str | None = environ.get("CONTENT_LENGTH")
    coding: str | None = environ.pop("HTTP_TRANSFER_ENCODING", None)
    if coding is not None:
        if length is not None:
            raise malformed("Content-Length and Transfer-Encoding exclude each other")
        if environ["SERVER_PROTOCOL"] != "HTTP/1.1":
            raise malformed("HTTP/1.0 has no Transfer-Encoding")
        if coding.lower().strip(" \t") != "chunked":
            raise malformed("Transfer-Encoding must be chunked, once")
        return None
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise malformed("Content-Length is not a number, or is given more than once")
    if int(length) > max_body:
        raise TooLarge("the body is larger than this server takes")
    return int(length)
