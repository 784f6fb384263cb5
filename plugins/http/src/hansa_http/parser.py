"""Reading a request (RFC 9112): what waitress reads leniently is refused, and so is every request
whose end or address two servers could understand differently.

It rests on the inside of waitress 3.0, hence the pin `<4`; tests/test_parser.py guards every place.
"""

from __future__ import annotations

import re

from hansa import HansaError, TooLarge
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, get_header_lines
from waitress.utilities import Error

from .chunked import ChunkedBody
from .errors import header_too_large, malformed

_request_line = re.compile(rb"([^ ]+) ([^ ]+) HTTP/([0-9])\.([0-9])").fullmatch
has_refused_byte = re.compile(rb"[^!$-;=?-\[\]-~]").search
"""Whether a target has a byte that must be encoded."""
_absolute = re.compile(rb"https?://([^/?]*)(.*)", re.I).fullmatch
_authority = re.compile(
    r"(?:(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]*))?"
).fullmatch
_LAST_PORT = 65535
_is_indented = re.compile(rb"[\r\n]*[ \t\v\f]").match
_has_much_space = re.compile(rb"[ \t]{16}|\r\n[ \t]").search
"""Whether fields have much white space, or lines that continue others."""
_COOKIE = b"\ncookie:"


class Fault(Error):  # type: ignore[misc]
    """A request that never becomes one: an error of ours where waitress expects one of its own."""

    def __init__(self, error: HansaError) -> None:
        super().__init__(error.detail)
        self.error = error
        self.code = error.status
        self.reason = error.title


def error_of(found: Error) -> HansaError:
    """Return the error that a request was refused with; one of waitress' own as one of ours."""
    if isinstance(found, Fault):
        return found.error
    if found.code == 413:
        return TooLarge("the body is larger than this server takes")
    if found.code == 431:
        return header_too_large("the head of the request is")
    if found.code == 501:
        return malformed(str(found.body), 501, "Not implemented")
    if found.code == 500:
        return HansaError()
    return malformed(str(found.body))


class _Fields(dict[str, str]):
    """Header fields that remember the transfer encoding, which waitress takes out."""

    transfer_encoding = ""

    def pop(self, key: str, default: str = "") -> str:  # type: ignore[override]  # waitress takes texts only
        """Take a field out."""
        value = super().pop(key, default)
        if key == "TRANSFER_ENCODING":
            self.transfer_encoding = value
        return value


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Reads a request.

    `request_uri` is its target as it was sent, for the absolute form without scheme and host.
    """

    path = ""
    request_uri = ""
    began = 0.0

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.headers = _Fields()

    def received(self, data: bytes) -> int:
        """Take in some bytes of a request, and say how many were of it."""
        if isinstance(self.body_rcv, ChunkedBody) and not self.completed:
            return self._received_chunked(self.body_rcv, data)
        if self.body_rcv is None and _is_indented(self.header_plus + data):
            # waitress would strip it
            self._refuse(malformed("there is white space before the request line"))
            return len(data)
        consumed: int = super().received(data)
        if self.error is not None:
            self.expect_continue = False  # a body that is refused is not asked for either
        return consumed

    def _received_chunked(self, body: ChunkedBody, data: bytes) -> int:
        consumed = body.received(data)
        self.body_bytes_received += consumed
        if body.error is not None:
            self._refuse(body.error)
        elif body.completed:
            self.completed = True
            # with the transfer coding taken off, applications see a body of a known length
            self.headers["CONTENT_LENGTH"] = str(len(body))
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; what is wrong with it is raised as ParsingError, or set as `error`."""
        try:
            line, _, fields = header_plus.partition(b"\r\n")
            method, target, version = _split(line)
            authority, target = _split_target(method, target)
            if _has_much_space(fields):
                fields = _without_outer_space(fields)
            super().parse_header(b"%b %b HTTP/%b\r\n%b" % (method, target, version, fields))
            if header_plus.lower().count(_COOKIE) > 1:
                self.headers["COOKIE"] = _cookies(fields)
            self._check_host(authority)
            self._check_framing()
        except HansaError as error:
            self._refuse(error)

    def _refuse(self, error: HansaError) -> None:
        """Have the request answered with an error, whatever else comes of it."""
        self.error = Fault(error)
        self.completed = True
        self.expect_continue = False
        self.content_length = 0

    def _check_host(self, authority: str | None) -> None:
        """The host must be one, as HTTP/1.1 demands; that of an absolute target is the one that
        counts (RFC 9112, section 3.2).
        """
        host = self.headers.get("HOST")
        if host is None and self.version == "1.1":
            raise malformed("the header Host is missing")
        if host is not None and not is_authority(host):
            raise malformed("the header Host is not a host, or is given more than once")
        if authority is not None:
            self.headers["HOST"] = authority

    def _check_framing(self) -> None:
        """The end of the request must be beyond doubt (RFC 9112, section 6.1)."""
        headers = self.headers
        if self.chunked and "CONTENT_LENGTH" in headers:
            raise malformed("Content-Length and Transfer-Encoding exclude each other")
        if self.version != "1.1" and "TRANSFER_ENCODING" in headers:
            raise malformed(f"HTTP/{self.version} has no Transfer-Encoding")
        if self.chunked:
            if headers.transfer_encoding.lower().strip(" \t") != "chunked":
                raise malformed("Transfer-Encoding must be chunked, once")
            # the server's limit is one more than what is taken
            largest = self.adj.max_request_body_size - 1
            self.body_rcv = ChunkedBody(largest, self.adj.max_request_header_size)


def _split(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Return method, target and version of a request line (RFC 9112, section 3).

    A later version 1.x is read as 1.1 (RFC 9110, section 2.5).
    """
    found = _request_line(line)
    if found is None:
        raise malformed("the request line is not METHOD TARGET HTTP/VERSION")
    method, target, major, minor = found.groups()
    if major != b"1":
        raise malformed(
            f"HTTP/{major.decode()}.{minor.decode()} is not spoken here; HTTP/1.1 is",
            505,
            "HTTP version not supported",
        )
    return method, target, b"1.0" if minor == b"0" else b"1.1"


def _split_target(method: bytes, target: bytes) -> tuple[str | None, bytes]:
    """Return the authority of a target in absolute form, else None, and the path with its query."""
    if has_refused_byte(target):
        raise malformed("the target of the request contains a character that must be encoded")
    if method == b"CONNECT":
        raise malformed("CONNECT is not supported", 501, "Not implemented")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return None, target
    found = _absolute(target)
    if found is None:
        raise malformed("the target of the request is neither a path nor an address")
    authority = found[1].decode()
    if not authority or not is_authority(authority):
        raise malformed("the target of the request names no valid host")
    rest = found[2]
    return authority, rest if rest.startswith(b"/") else b"/" + rest


def is_authority(text: str) -> bool:
    """Return whether a text is a host, with or without a port (RFC 3986, section 3.2)."""
    found = _authority(text)
    if found is None:
        return False
    port = (found["port"] or "").lstrip("0")
    return len(port) <= 5 and int(port or 0) <= _LAST_PORT


def _without_outer_space(fields: bytes) -> bytes:
    """Return header fields without white space around their values.

    The expression by which waitress reads a field takes time that grows as the square of it.
    """
    found = []
    for line in get_header_lines(fields):
        name, colon, value = line.partition(b":")
        found.append(name + colon + value.strip(b" \t"))
    return b"\r\n".join(found)


def _cookies(fields: bytes) -> str:
    """Return all cookies of a request as one field (RFC 6265, section 5.4)."""
    found = []
    for line in get_header_lines(fields):
        name, _, value = line.partition(b":")
        if name.lower() == b"cookie":
            found.append(value.strip(b" \t").decode("latin-1"))
    return "; ".join(found)
