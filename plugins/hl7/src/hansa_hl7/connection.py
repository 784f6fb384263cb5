"""One connection to a receiver of messages over MLLP."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

from hansa import Unavailable
from hansa_connect.files import one_line
from hansa_connect.remedies import advised, remedy_of
from hansa_connect.sockets import SHORTEST, dial, is_silent, shut_down

from .framing import FrameReader, frame
from .refusals import FramingFault
from .settings import SendingSettings


class Connection:
    """A connection as `hansa_connect.pool` wants it."""

    def __init__(self, config: SendingSettings) -> None:
        self.config = config
        self.where = f"{config.host}:{config.port}"
        self.broken = False
        self.ends = 0.0
        self._socket: socket.socket | None = None
        self._frames: FrameReader | None = None

    def open(self, timeout: float) -> None:
        """Connect and encrypt within `timeout` seconds; raises `Unavailable`."""
        config = self.config
        with self._translated():
            made = dial(config.host, config.port, min(timeout, config.connect_timeout))
            self._socket = made
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = config.context()
            if context is not None:
                self._socket = context.wrap_socket(made, server_hostname=config.host)
            self._frames = FrameReader(self._socket, config.max_body)

    def close(self) -> None:
        """Close the connection; may be called more than once."""
        if self._socket is not None:
            self._socket.close()

    def abort(self) -> None:
        """Make a call that waits for the other side fail, from any thread."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it is closed
                shut_down(self._socket.fileno())

    def alive(self) -> bool:
        """Return whether the other side has not closed it, nor said anything unasked."""
        if self._socket is None or self._frames is None or self.broken:
            return False
        if self._socket.fileno() < 0 or not self._frames.is_empty:
            return False
        with contextlib.suppress(OSError):
            return is_silent(self._socket.fileno())
        return False

    def check(self) -> None:
        """Raise `Unavailable` if the other side has closed it: MLLP has no question to ask."""
        if not self.alive():
            raise self._lost(f"{self.where} has closed the connection")

    def exchange(self, message: bytes) -> bytes:
        """Send a message and return the answer; raises `Unavailable`."""
        framed = frame(message)
        connection, frames = self._socket, self._frames
        if connection is None or frames is None:
            raise Unavailable(f"{self.where} is not connected")
        with self._translated():
            connection.settimeout(self._left())
            connection.sendall(framed)
            answer = frames.read(self._left(), self._left())
            if answer is None:
                raise self._lost(f"{self.where} has closed the connection without an answer")
        if not self.config.keep_open:
            self.close()
        return answer

    def _left(self) -> float:
        return max(SHORTEST, self.ends - time.monotonic())

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise what sockets raise as `Unavailable`, and note a broken connection."""
        try:
            yield
        except Unavailable:
            self.broken = True
            raise
        except FramingFault as error:
            raise self._lost(f"the answer of {self.where} cannot be read: {error}") from error
        except OSError as error:
            remedy = "" if self._frames else remedy_of(error, tls=self.config.tls)
            fault = f"the connection to {self.where} broke: {one_line(error)}"
            raise self._lost(advised(fault, remedy)) from error

    def _lost(self, fault: str) -> Unavailable:
        self.broken = True
        return Unavailable(fault)
