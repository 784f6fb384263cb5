"""One exchange with an HTTP server over httpx2: a request, its answer read up to a limit, and
failures as errors of Hansa.

Errors name the connection, and neither a URL nor what a library says: they reach callers of
services, who need not know where a back end is. The reason of a failure is for logs and states.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import Cookie, CookieJar

import httpcore2
import httpx2
from hansa import HansaError, Invalid, TimedOut, Unavailable, event_loop

from .coding import ACCEPTED, CodingError, DecodedTooLarge, UnknownCoding, decode
from .forward_proxy import ProxyRoutes
from .handshake import AuthenticatedConnections, BeginHandshake
from .loop_transport import LoopTransport
from .response import BadAnswer
from .retry import Broken, NotSent
from .transport import DeadlineTransport, RoutedTransport, remaining

_DEFAULT_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": ACCEPTED,
    "Connection": "keep-alive",
    "User-Agent": "Hansa",
}
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
)
_PARTIAL = 206
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch


class SessionCookies(CookieJar):
    """The cookies of one session, at most 200 of them; safe in many threads."""

    largest = 200

    def set_cookie(self, cookie: Cookie) -> None:
        """Keep a cookie, unless there are too many already."""
        if len(self) < self.largest:
            super().set_cookie(cookie)


class _Body:
    """The pieces of an answer's body; `take` raises `BadAnswer` once they are too large."""

    def __init__(self, label: str, largest: int) -> None:
        self.pieces: list[bytes] = []
        self._label = label
        self._left = largest
        self._largest = largest

    def take(self, piece: bytes) -> None:
        """Take in a piece."""
        self._left -= len(piece)
        if self._left < 0:
            raise BadAnswer(f"{self._label}: the answer is larger than {self._largest} bytes")
        self.pieces.append(piece)


class Exchange:
    """Sends requests over a pool of at most `size` connections, and reads answers of at most
    `largest` bytes.

    `label` is what errors call the connection; `cookies` are the session's, None to keep none.
    Usable from many threads at once, and on the event loop, which has as many connections of its
    own.
    """

    def __init__(
        self,
        label: str,
        context: ssl.SSLContext,
        size: int,
        largest: int,
        *,
        routes: ProxyRoutes | None = None,
        cookies: CookieJar | None = None,
    ) -> None:
        self.label = label
        self.size = size
        self.largest = largest
        self._cookies = None if cookies is None else httpx2.Cookies(cookies)
        self._context = context
        self._routes = routes
        self._transport = self._pool(size)
        self._authenticated = AuthenticatedConnections(lambda: self._pool(1), size)
        self._on_loop: LoopTransport | None = None

    def _pool(self, size: int) -> httpx2.BaseTransport:
        if self._routes is None:
            return DeadlineTransport(self._context, size)
        return RoutedTransport(self._context, size, self._routes)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()
        self._authenticated.close()
        if self._on_loop is not None:
            event_loop.wait(self._on_loop.close())

    @contextmanager
    def _connected(
        self, begin: BeginHandshake | None, timeout: float
    ) -> Iterator[httpx2.BaseTransport]:
        """Yield what sends a request: the pool, or one connection that is authenticated."""
        if begin is None:
            yield self._transport
            return
        with self._authenticated.connection(begin, remaining(timeout)) as connection:
            yield connection

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes,
        timeout: float,
        begin_handshake: BeginHandshake | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request; returns status, headers and body of the answer.

        `begin_handshake` is that of `OutgoingRequest`. Raises `NotSent`, `Broken`, `BadAnswer` (too
        large, or not to be decoded), `Invalid` (what cannot be sent).
        """
        request = self._request(method, url, headers, content, timeout)
        body = _Body(self.label, self.largest)
        try:
            if not event_loop.is_current:
                with self._connected(begin_handshake, timeout) as transport:
                    answer = self._answer(transport, request, body)
            elif begin_handshake is None:
                answer = self._answer_on_loop(request, body)
            else:
                # the library has it for threads alone
                arguments = (method, url, headers, content, timeout, begin_handshake)
                return event_loop.wait(event_loop.in_thread(self.send, *arguments))
        except httpx2.LocalProtocolError as error:
            raise self._unsendable("method or headers are not valid HTTP") from error
        except _NOT_SENT as error:
            raise NotSent(self._translated(error), str(error)) from error
        except (httpx2.TransportError, httpcore2.TimeoutException, OSError) as error:
            raise Broken(self._translated(error), str(error)) from error
        if self._cookies is not None:
            answer.request = request
            self._cookies.extract_cookies(answer)
        return answer.status_code, answer.headers, self._content(answer, body)

    def _answer(
        self, transport: httpx2.BaseTransport, request: httpx2.Request, body: _Body
    ) -> httpx2.Response:
        # the client of httpx2 would log the URL, whose query may have a key in it
        answer = transport.handle_request(request)
        try:
            for piece in answer.iter_raw():
                body.take(piece)
        finally:
            answer.close()
        return answer

    def _answer_on_loop(self, request: httpx2.Request, body: _Body) -> httpx2.Response:
        transport = self._on_loop
        if transport is None:
            transport = self._on_loop = LoopTransport(self._context, self.size, self._routes)
        try:
            return event_loop.wait(transport.exchange(request, body.take))
        except TimedOut as error:
            raise httpcore2.ReadTimeout("the deadline of the call is over") from error

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, timeout: float
    ) -> httpx2.Request:
        if not _TOKEN(method):
            raise self._unsendable(f"{method[:60]!r} is not a valid HTTP method")
        for name, value in headers.items():
            if not _TOKEN(name):
                raise self._unsendable(f"{name[:60]!r} is not a valid name of a header")
            if not isinstance(value, str) or not _HEADER_VALUE(value) or value != value.strip():
                raise self._unsendable(f"the value of the header {name[:60]} is not valid HTTP")
        sent = httpx2.Headers(_DEFAULT_HEADERS, encoding="latin-1")
        sent.update(httpx2.Headers(dict(headers), encoding="latin-1"))
        try:
            waiting = httpx2.Timeout(timeout, pool=remaining(timeout))
            request = httpx2.Request(
                method,
                url,
                headers=sent,
                content=content or None,
                extensions={"timeout": waiting.as_dict()},
            )
        except httpcore2.ReadTimeout as error:
            raise Broken(self._translated(error), str(error)) from error
        except (httpx2.InvalidURL, TypeError, ValueError) as error:
            raise self._unsendable("its URL is not valid") from error
        if self._cookies is not None:
            self._cookies.set_cookie_header(request)
        return request

    def _content(self, answer: httpx2.Response, body: _Body) -> bytes:
        content = b"".join(body.pieces)
        codings = answer.headers.get("content-encoding", "")
        if not codings or answer.status_code == _PARTIAL:
            return content
        try:
            return decode(content, codings, self.largest)
        except UnknownCoding:
            return content
        except DecodedTooLarge:
            raise BadAnswer(
                f"{self.label}: the answer is larger than {self.largest} bytes"
            ) from None
        except CodingError as error:
            raise BadAnswer(f"{self.label}: the answer cannot be decoded: {error}") from error

    def _unsendable(self, why: str) -> Invalid:
        return Invalid(f"{self.label}: the call cannot be sent: {why}")

    def _translated(self, error: Exception) -> HansaError:
        """Return one of our errors for one of the library's."""
        if isinstance(error, httpx2.PoolTimeout):
            return TimedOut(f"{self.label}: all {self.size} connections are busy")
        if isinstance(error, httpx2.TimeoutException | httpcore2.TimeoutException):
            return TimedOut(f"{self.label}: no answer in time")
        if isinstance(error, httpx2.ProxyError):
            return Unavailable(f"{self.label}: the proxy refused to connect")
        if isinstance(error, httpx2.RemoteProtocolError):
            return Unavailable(f"{self.label}: the connection broke off during the call")
        if "certificate" in str(error).lower():
            return Unavailable(
                f"{self.label}: the server cannot be reached: its certificate is not accepted"
            )
        return Unavailable(f"{self.label}: the server cannot be reached")
