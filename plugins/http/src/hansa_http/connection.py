"""One HTTP connection, as waitress handles it, with what it leaves open closed: spinning,
lingering, requests that do not get complete.

It rests on the inside of waitress 3.0, hence the pin `<4`; tests/test_connection.py guards every
place.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from hansa import TimedOut, event_loop
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel

from .admission import Occupation
from .parser import Fault, Parser
from .task import Answer, Problem
from .tls_socket import TlsSocket

if TYPE_CHECKING:
    from .listener import Listener

LINGER = 2.0
"""Seconds that a connection is read after a refusal, so that the answer arrives."""
SLOWEST = 1024
"""Bytes a second at which a request's body must arrive once an idle connection would be cut."""


class Connection(HTTPChannel):  # type: ignore[misc]
    """One connection.

    PERF: it is not writable while a thread writes to it, else the I/O thread spins and starves the
    very thread it waits for. After a refusal it goes on to read for a while, since closing with
    unread bytes lets the kernel take back the answer.
    """

    server: Listener
    request: Parser | None
    last_activity: float
    close_when_flushed: bool
    task_class = Answer
    error_task_class = Problem
    parser_class = Parser
    linger = False
    lingering_until = 0.0
    served = 0.0

    def __init__(
        self,
        server: Listener,
        sock: socket.socket | TlsSocket,
        addr: tuple[str, int],
        adj: Adjustments,
        map: dict[int, object] | None = None,
    ) -> None:
        super().__init__(server, sock, addr, adj, map=map)
        self.address = str(addr[0])
        server.admission.enter(self)

    def del_channel(self, map: dict[int, object] | None = None) -> None:
        """Forget this connection, which is closed."""
        super().del_channel(map)
        self.server.admission.leave(self)

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Wait for a client that takes its answers too slowly; never on the event loop, which has one
        answer of a connection in hand.
        """
        if not event_loop.is_current:
            super()._flush_outbufs_below_high_watermark()

    def service(self) -> None:
        """Answer one request, in a thread of the pool or on the event loop."""
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
        """Read; while lingering, throw away. Over TLS there may be nothing to read yet."""
        if isinstance(self.socket, TlsSocket) and not self.socket.fill():
            return
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
        return self.occupation is Occupation.IDLE

    @property
    def occupation(self) -> Occupation:
        """What this connection is open for at the moment."""
        if self.requests:
            return Occupation.SERVED
        if self.total_outbufs_len or self.close_when_flushed or self.will_close:
            return Occupation.UNREAD
        if self.request is not None:
            return Occupation.INCOMPLETE
        return Occupation.IDLE

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
