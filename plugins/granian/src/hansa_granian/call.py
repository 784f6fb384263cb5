"""One request: its body as it comes, and its answer."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from wsgiref.types import WSGIEnvironment

from hansa import HansaError, Response, TimedOut, TooLarge, new_cid
from hansa_http.errors import PROBLEM, malformed, problem_response
from hansa_http.parser import Fault

from .head import check_head, environ_of, take_length
from .worker import Later, Piece, Promise, Watcher, value_of

if TYPE_CHECKING:
    from .listener import GranianListener

log = logging.getLogger("hansa.granian")

SLOWEST = 1024
"""Bytes a second at which a body must arrive once a head would be cut."""
LINGER = 2.0
"""Seconds for which a body is read that was refused, so that the answer arrives."""
_CLOSE = (b"connection", b"close")
_SERVER = (b"server", b"Hansa")
_CHUNKED = "HTTP_TRANSFER_ENCODING"


def _write(data: bytes) -> None:
    raise NotImplementedError("the body of an answer is what the application returns")


def _is_kept(promise: Later, timeout: float) -> bool:
    """Whether a promise is kept in time."""
    kept = threading.Event()

    def note(_: Promise) -> None:
        kept.set()

    promise.add_done_callback(note, None)
    return kept.wait(timeout)


class Call:
    """A request, from its head to its answer.

    Its body is read without a thread. `Lanes` sees it as what waits for one: `requests` is this
    alone, and `error` makes its answer a refusal.
    """

    __slots__ = (
        "_has_begun",
        "_is_asked",
        "_length",
        "_listener",
        "_pieces",
        "_unclaimed",
        "_watcher",
        "began",
        "client",
        "environ",
        "error",
        "is_complete",
        "is_lingering",
        "received",
        "request_uri",
    )

    def __init__(self, listener: GranianListener, watcher: Watcher) -> None:
        self._listener = listener
        self._watcher = watcher
        scope = watcher.scope
        self.client = scope["client"]
        self.environ: WSGIEnvironment = environ_of(scope)
        self.request_uri: str = self.environ["REQUEST_URI"]
        self.error: Fault | None = None
        self.began = time.monotonic()
        self.received = 0
        self.is_complete = False
        self.is_lingering = False
        self._length: int | None = 0
        self._is_asked = False
        self._has_begun = False
        self._pieces: list[bytes] = []
        self._unclaimed = [True]

    @property
    def requests(self) -> list[Call]:
        """This request."""
        return [self]

    def begin(self) -> bool:
        """Check the head; whether the request is complete, else it comes or is refused."""
        section = self._listener.section
        environ = self.environ
        self.is_complete = "CONTENT_LENGTH" not in environ and _CHUNKED not in environ
        try:
            check_head(self._watcher.scope, environ, section.max_header)
            if not self.is_complete:
                self._length = take_length(environ, section.max_body)
                self.is_complete = self._length == 0
        except HansaError as error:
            # who waits to be asked for the body sends none
            self.is_complete = self.is_complete or "HTTP_EXPECT" in environ
            self.refuse(error)
            return False
        if self.is_complete:
            environ["wsgi.input"] = io.BytesIO()
            return True
        self._listener.incoming[self] = None
        self._ask()
        return False

    # -- the body ----------------------------------------------------------------------------------

    def _ask(self) -> None:
        self._is_asked = True
        self._watcher.proto.receive().add_done_callback(self._take, None)

    def _take(self, promise: Promise) -> None:
        """Take in a piece of the body; granian must see no exception."""
        self._is_asked = False
        try:
            self._take_piece(value_of(promise))
        except Exception:
            log.exception("the body of a request could not be read")
            self.cancel()

    def _take_piece(self, piece: Piece) -> None:
        size = len(piece["body"]) if piece["type"] == "http.request" else 0
        self.received += size
        # PERF: granian says later that no more comes, which costs a change of threads
        is_last = not size or not piece["more_body"] or self.received == self._length
        self.is_complete = is_last
        if self.is_lingering:
            if is_last:
                self._let_go()
            else:
                self._ask()
            return
        if piece["type"] != "http.request":
            self.refuse(malformed("the body of the request is malformed, or was cut off"))
            return
        if self.received > self._listener.section.max_body:
            self._pieces.clear()
            self.refuse(TooLarge("the body is larger than this server takes"))
            return
        self._pieces.append(piece["body"])
        if is_last:
            self._complete()
        else:
            self._ask()

    def _complete(self) -> None:
        body = b"".join(self._pieces)
        self._pieces.clear()
        self.environ["CONTENT_LENGTH"] = str(len(body))
        self.environ["wsgi.input"] = io.BytesIO(body)
        self._listener.incoming.pop(self, None)
        self._listener.dispatch(self)

    def cut_if_overdue(self, now: float) -> None:
        """Refuse with 408 what began too long ago, or end what was refused long enough ago."""
        timeout = self._listener.section.channel_timeout
        if self.is_lingering:
            if now - self.began > LINGER:
                self._let_go()
        elif now - self.began > timeout + self.received / SLOWEST:
            error = TimedOut(f"the request was not complete after {timeout} s")
            error.status = 408
            error.title = "Request timeout"
            self.refuse(error)

    # -- the answer --------------------------------------------------------------------------------

    def _claim(self) -> bool:
        """Whether nobody else has answered, or does."""
        try:
            self._unclaimed.pop()
        except IndexError:
            return False
        return True

    def service(self) -> None:
        """Answer, in a thread of services."""
        if self.error is not None:
            self.refuse(self.error.error)
            return
        if not self._claim():
            self._let_go()
            return
        try:
            pieces = self._listener.application(self.environ, self._start)
            if isinstance(pieces, list):
                self._send_body(b"".join(pieces))
            else:
                self._send_pieces(pieces)
        except Exception as error:
            cid = new_cid()
            log.exception("a request could not be answered (cid %s)", cid)
            if not self._has_begun:
                self._send(problem_response(error, cid))
        self._let_go()

    def _start(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: object = None,
    ) -> Callable[[bytes], object]:
        """Send the head of an answer (PEP 3333)."""
        found = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._send_head(int(status[:3]), found, self._listener.gate.draining)
        return _write

    def _send_head(self, status: int, headers: list[tuple[bytes, bytes]], close: bool) -> None:
        self._has_begun = True
        headers.append(_SERVER)
        if close:
            headers.append(_CLOSE)
        self._watcher.proto.send(
            {"type": "http.response.start", "status": status, "headers": headers}
        )

    def _send_body(self, body: bytes, *, more: bool = False) -> object:
        """Send a piece of the body; the promise says when the next one may follow."""
        message = {"type": "http.response.body", "body": body, "more_body": more}
        return self._watcher.proto.send(message)

    def _send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Send the body as it comes, no faster than the client takes it."""
        timeout = self._listener.section.channel_timeout
        for piece in pieces:
            promise = self._send_body(piece, more=True)
            if isinstance(promise, Later) and not _is_kept(promise, timeout):
                raise TimeoutError(f"the client has taken nothing for {timeout} s")
        self._send_body(b"")

    def refuse(self, error: HansaError) -> None:
        """Answer with an error, after which the connection is closed."""
        if not self._claim():
            return
        if error.status == TooLarge.status and self._listener.refuse is not None:
            response = self._listener.refuse(self.environ, error)
        else:
            response = problem_response(error, self._listener.cid_of(self.environ))
        self._send(response)
        if self.is_complete:
            self._let_go()
            return
        self.began = time.monotonic()
        self.is_lingering = True
        self._listener.incoming[self] = None
        if not self._is_asked:
            self._ask()

    def _send(self, response: Response) -> None:
        fields = [
            ("content-type", response.content_type or PROBLEM),
            ("x-hansa-cid", response.cid),
            ("content-length", str(len(response.raw))),
            *response.headers.items(),
        ]
        headers = [(name.encode("latin-1"), str(value).encode("latin-1")) for name, value in fields]
        self._send_head(response.status, headers, True)
        self._send_body(response.raw)

    def cancel(self) -> None:
        """Give up without an answer."""
        if self._claim():
            self._let_go()

    def _let_go(self) -> None:
        self._listener.incoming.pop(self, None)
        self._listener.forget(self)
        self._watcher.done()
