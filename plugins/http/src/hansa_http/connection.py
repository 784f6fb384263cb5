"""One HTTP connection, as waitress handles it, with what it leaves open closed: limits, smuggling,
spinning, lingering.

It rests on the inside of waitress 3.0, hence the pin `<4`; tests/test_connection.py guards every
place.
"""

from __future__ import annotations

import re
import socket
import time

from hansa import HansaError, TimedOut, TooLarge, new_cid
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from .errors import PROBLEM, malformed, problem_response

LINGER = 2.0
"""Seconds that a connection is read after a refusal, so that the answer arrives."""
SLOWEST = 1024
"""Bytes a second at which a request's body must arrive once an idle connection would be cut."""
_UNREAD = frozenset((400, 408, 413, 431, 501))
_is_cid = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch


class Fault(Error):  # type: ignore[misc]
    """A request that never becomes one: an error of ours where waitress expects one of its own."""

    def __init__(self, error: HansaError) -> None:
        super().__init__(error.detail)
        self.error = error
        self.code = error.status


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
    """Reads a request; refuses one whose end two servers could see in different places (RFC 9112,
    section 6.1).
    """

    path = ""
    began = 0.0

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.headers = _Fields()

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; raises ParsingError."""
        super().parse_header(header_plus)
        headers = self.headers
        if self.chunked and "CONTENT_LENGTH" in headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")
        if self.version != "1.1" and "TRANSFER_ENCODING" in headers:
            raise ParsingError(f"HTTP/{self.version} has no Transfer-Encoding")
        if self.chunked and headers.transfer_encoding.lower().strip() != "chunked":
            raise ParsingError("Transfer-Encoding must be chunked, once")
        if "," in headers.get("HOST", ""):
            raise ParsingError("more than one Host is given")

    def received(self, data: bytes) -> int:
        """Take in some bytes of a request, and say how many were of it."""
        consumed: int = super().received(data)
        if self.error is not None:
            self.expect_continue = False  # a body that is refused is not asked for either
        return consumed


class OneWrite(WSGITask):  # type: ignore[misc]
    """Answers a request; the head and the first piece of the body go out in one write.

    PERF: two writes wake the I/O thread between them, which then fights this one for the
    interpreter.
    """

    wrote_header: bool

    def build_response_header(self) -> bytes:
        """The head; once the worker is to end it says that the connection is closed."""
        if self.channel.server.gate.draining:
            self.request.headers["CONNECTION"] = "close"
        head: bytes = super().build_response_header()
        return head.replace(b"-Cid: ", b"-CID: ")  # waitress writes all names its way

    def write(self, data: bytes) -> None:
        """Send a piece of the body, the first one with the head."""
        if self.wrote_header or not data or self.chunked_response:
            super().write(data)
            return
        if not self.complete:
            raise RuntimeError("start_response was not called before body written")
        head = self.build_response_header()  # may find that the body has to be chunked
        self.wrote_header = True
        if self.chunked_response or not self.has_body:
            self.channel.write_soon(head)
            super().write(data)
            return
        if self.content_length is not None:
            data = data[: self.content_length - self.content_bytes_written]
            self.content_bytes_written += len(data)
        self.channel.write_soon(head + data)


class Problem(ErrorTask):  # type: ignore[misc]
    """Answers a request that never became one, with problem details (RFC 9457) and a cid."""

    def build_response_header(self) -> bytes:
        """The head of the answer."""
        head: bytes = super().build_response_header()
        return head.replace(b"-Cid: ", b"-CID: ")

    def execute(self) -> None:
        """Write the whole answer, after which the connection is closed."""
        found = self.request.error
        error = found.error if isinstance(found, Fault) else _of_waitress(found)
        cid = self.request.headers.get("X_HANSA_CID", "")
        response = problem_response(error, cid if _is_cid(cid) else new_cid())
        self.status = f"{error.status} {error.title}"
        self.response_headers += [
            ("Content-Type", PROBLEM),
            ("X-Hansa-CID", response.cid),
            *response.headers.items(),
        ]
        self.request.headers["CONNECTION"] = "close"
        self.content_length = len(response.raw)
        if getattr(self.request, "command", "") == "HEAD":
            self.write(b"")
        else:
            self.channel.write_soon(self.build_response_header() + response.raw)
            self.wrote_header = True
        self.channel.linger = error.status in _UNREAD


def _of_waitress(found: Error) -> HansaError:
    """One of waitress' own errors as one of ours."""
    if found.code == 413:
        return TooLarge("the body is larger than this server takes")
    if found.code == 431:
        return malformed(
            "the head of the request is larger than this server takes",
            431,
            "Request header fields too large",
        )
    if found.code == 501:
        return malformed(str(found.body), 501, "Not implemented")
    if found.code == 500:
        return HansaError()
    return malformed(str(found.body))


class Connection(HTTPChannel):  # type: ignore[misc]
    """One connection.

    PERF: it is not writable while a thread writes to it, else the I/O thread spins and starves the
    very thread it waits for. After a refusal it goes on to read for a while, since closing with
    unread bytes lets the kernel take back the answer.
    """

    request: Parser | None
    close_when_flushed: bool
    task_class = OneWrite
    error_task_class = Problem
    parser_class = Parser
    linger = False
    lingering_until = 0.0
    served = 0.0

    def service(self) -> None:
        """Answer one request, in a thread of the pool."""
        super().service()
        self.served = self.last_activity

    def writable(self) -> bool:
        """Whether the I/O thread has something to send, or to close, here."""
        if self.lingering_until:
            return bool(self.will_close)
        if self.will_close or self.close_when_flushed:
            return True
        if self.total_outbufs_len:
            if not self.requests:
                return True
            if self.outbuf_lock.acquire(False):
                self.outbuf_lock.release()
                return True
        return False

    def readable(self) -> bool:
        """Whether to read: the next request, or what nobody wants to know any more."""
        return bool(self.lingering_until or super().readable())

    def handle_read(self) -> None:
        """Read; while lingering, throw away."""
        if not self.lingering_until:
            super().handle_read()
            return
        try:
            data = self.recv(2**16)
        except OSError:
            data = b""
        if not data and self.connected:
            self.handle_close()

    def handle_write(self) -> None:
        """Send what is left; then, after a refusal, close only our half."""
        if self.linger and self.close_when_flushed and not self.will_close:
            self._flush_exception(self._flush_some)
            if not self.connected or self.will_close:
                self.handle_close()
            elif not self.total_outbufs_len:
                self.close_when_flushed = False
                self.lingering_until = time.time() + LINGER
                try:
                    self.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    self.handle_close()
            return
        super().handle_write()

    def received(self, data: bytes) -> bool:
        """Take in bytes, noting when the request that they belong to began."""
        taken: bool = super().received(data)
        if self.request is not None and not self.request.began:
            self.request.began = time.time()
        return taken

    @property
    def idle(self) -> bool:
        """Whether nothing is asked or answered here at the moment."""
        return not (
            self.requests
            or self.request is not None
            or self.total_outbufs_len
            or self.close_when_flushed
            or self.will_close
        )

    def overdue(self, now: float) -> bool:
        """Whether a request began here too long ago to be still incomplete: its head, or its body
        at a fair speed.
        """
        request = self.request
        if request is None or self.requests or not request.began:
            return False
        allowed: float = self.adj.channel_timeout + request.body_bytes_received / SLOWEST
        return bool(now - max(request.began, self.served) > allowed)

    def cut(self) -> None:
        """Answer an incomplete request with 408 and close."""
        with self.requests_lock:
            request = self.request
            self.request = None
            if request is None or self.requests:
                return
            error = TimedOut(f"the request was not complete after {self.adj.channel_timeout} s")
            error.status = 408
            error.title = "Request timeout"
            request.error = Fault(error)
            request.completed = True
            self.requests.append(request)
            self.server.add_task(self)
