"""Connections that a server authenticates by a handshake of several messages, such as NTLM: each is
kept, and used by one request at a time.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import httpx2
from hansa import Handshake

from .response import BadAnswer

BeginHandshake: TypeAlias = Callable[[], Handshake]

_LARGEST_REFUSAL = 2**18
"""Maximum size of the body of a 401 within a handshake, in bytes: it is read to keep the
connection.
"""


class AuthenticatedConnections:
    """At most `size` connections, each made by `open`, a pool of one.

    A connection belongs to the method that began its handshakes: when a definition was edited, what
    it has authenticated before is closed.
    """

    def __init__(self, open: Callable[[], httpx2.BaseTransport], size: int) -> None:
        self._open = open
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[AuthenticatedConnection] = []
        self._closed = False

    @contextmanager
    def connection(
        self, begin: BeginHandshake, timeout: float | None
    ) -> Iterator[AuthenticatedConnection]:
        """Yield a connection for one request, the one last used if it is idle.

        Raises `httpx2.PoolTimeout` if none becomes free in `timeout` seconds.
        """
        if not self._free.acquire(timeout=timeout):
            raise httpx2.PoolTimeout("all connections are busy")
        try:
            connection = self._take(begin)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._put_back(connection)
        finally:
            self._free.release()

    def _take(self, begin: BeginHandshake) -> AuthenticatedConnection:
        with self._lock:
            foreign = [one for one in self._idle if one.begin != begin]
            self._idle = [one for one in self._idle if one.begin == begin]
            found = self._idle.pop() if self._idle else None
        for connection in foreign:
            connection.close()
        return found or AuthenticatedConnection(self._open(), begin)

    def _put_back(self, connection: AuthenticatedConnection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close all connections; those in use after their requests."""
        with self._lock:
            self._closed = True
            idle = self._idle
            self._idle = []
        for connection in idle:
            connection.close()


class AuthenticatedConnection(httpx2.BaseTransport):
    """One connection; a request on it is answered by handshake where the server asks for one.

    The server says when: a new connection, and one that it has closed meanwhile, are answered with
    status 401, and nothing was done with the request.
    """

    def __init__(self, transport: httpx2.BaseTransport, begin: BeginHandshake) -> None:
        self.begin = begin
        self._transport = transport

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; the answer is a 401 where the credentials are wrong."""
        answer = self._transport.handle_request(request)
        if answer.status_code != httpx2.codes.UNAUTHORIZED:
            return answer
        handshake = self.begin()
        if _token_of(answer, handshake.scheme) is None:
            return answer
        _drain(answer)
        # without the body, which would be sent for nothing
        opening = _with_token(request, handshake, handshake.step(b"", b""), b"")
        answer = self._transport.handle_request(opening)
        challenge = _token_of(answer, handshake.scheme)
        if answer.status_code != httpx2.codes.UNAUTHORIZED or not challenge:
            return answer
        certificate = _certificate_of(answer)
        _drain(answer)
        token = handshake.step(challenge, certificate)
        return self._transport.handle_request(
            _with_token(request, handshake, token, request.read())
        )

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def _with_token(
    request: httpx2.Request, handshake: Handshake, token: bytes, content: bytes
) -> httpx2.Request:
    """Return a request with a token of a handshake, and with this body."""
    headers = request.headers.copy()
    for name in ("Content-Length", "Transfer-Encoding"):
        headers.pop(name, None)
    if not content:
        headers.pop("Content-Encoding", None)
        headers["Content-Length"] = "0"
    encoded = base64.b64encode(token).decode()
    headers["Authorization"] = f"{handshake.scheme} {encoded}"
    return httpx2.Request(
        request.method,
        request.url,
        headers=headers,
        content=content or None,
        extensions=request.extensions,
    )


def _token_of(answer: httpx2.Response, scheme: str) -> bytes | None:
    """Return the token of the server in an answer, empty where it only names the scheme; None where
    it does not.
    """
    for value in answer.headers.get_list("www-authenticate", split_commas=True):
        name, _, token = value.strip().partition(" ")
        if name.lower() != scheme.lower():
            continue
        try:
            return base64.b64decode(token.strip(), validate=True)
        except binascii.Error:
            return b""
    return None


def _certificate_of(answer: httpx2.Response) -> bytes:
    """Return the certificate of the server, as DER; nothing without TLS."""
    stream = answer.extensions.get("network_stream")
    connection = None if stream is None else stream.get_extra_info("socket")
    if isinstance(connection, ssl.SSLSocket):
        return connection.getpeercert(binary_form=True) or b""
    return b""


def _drain(answer: httpx2.Response) -> None:
    """Read the body of an answer, after which the connection can be used again."""
    size = 0
    try:
        for piece in answer.iter_raw():
            size += len(piece)
            if size > _LARGEST_REFUSAL:
                raise BadAnswer(
                    f"an answer within a handshake is larger than {_LARGEST_REFUSAL} bytes"
                )
    finally:
        answer.close()
