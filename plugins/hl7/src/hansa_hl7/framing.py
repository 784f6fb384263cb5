"""Frames of MLLP: VT, a message, FS and CR, read from a socket within limits of size and time."""

from __future__ import annotations

import socket
import time

from hansa import Invalid
from hansa_connect.sockets import SHORTEST

from .refusals import FrameTooLarge, FramingFault

VT = b"\x0b"
END = b"\x1c\r"
PIECE = 65536
"""Bytes that are asked for at a time."""
_BETWEEN = b"\r\n"
"""What some senders put after a frame."""


def is_framable(message: bytes) -> bool:
    """Return whether no byte of a message would end its frame, or begin another."""
    return VT not in message and b"\x1c" not in message


def frame(message: bytes) -> bytes:
    """Return a message in its frame; raises `Invalid` if its bytes would end it."""
    if not is_framable(message):
        raise Invalid("the message has the control characters VT or FS, which end it")
    return VT + message + END


class FrameReader:
    """Reads one frame after the other from a connection; `limit` is the size of a message."""

    def __init__(self, connection: socket.socket, limit: int) -> None:
        self._connection = connection
        self._limit = limit
        self._kept = bytearray()

    @property
    def is_empty(self) -> bool:
        """Whether nothing came beyond what was read."""
        return not self._kept

    def read(self, patience: float, timeout: float) -> bytes | None:
        """Return the next message; None if the other side closes the connection before it begins.

        It must begin within `patience` seconds, and then be complete within `timeout`. Raises
        `FramingFault`, `FrameTooLarge`, and what sockets raise: TimeoutError if none begins.
        """
        self._connection.settimeout(patience)
        while not self._begins():
            if not self._receive():
                return None
        ends = time.monotonic() + timeout
        looked = 0
        while True:
            found = self._kept.find(END, max(0, looked - 1))
            if found >= 0:
                return self._taken(found)
            self._check()
            looked = len(self._kept)
            left = ends - time.monotonic()
            if left <= 0:
                raise FramingFault(f"the message was not complete within timeout, {timeout:g} s")
            self._connection.settimeout(max(SHORTEST, left))
            try:
                complete = self._receive()
            except TimeoutError:
                continue
            if not complete:
                raise FramingFault("the connection was closed within a message")

    def _begins(self) -> bool:
        """Skip what is between frames; raises `FramingFault` for anything else."""
        while self._kept and self._kept[0] in _BETWEEN:
            del self._kept[0]
        if not self._kept:
            return False
        if self._kept[:1] != VT:
            raise FramingFault("what came does not begin with VT: it is no MLLP")
        return True

    def _receive(self) -> bool:
        piece = self._connection.recv(PIECE)
        self._kept += piece
        return bool(piece)

    def _check(self) -> None:
        """Refuse what cannot become a message that is taken."""
        if len(self._kept) > self._limit + len(VT) + 1:
            raise self._too_large()

    def _taken(self, end: int) -> bytes:
        if end > self._limit + len(VT):
            raise self._too_large()
        message = bytes(self._kept[1:end])
        del self._kept[: end + len(END)]
        if VT in message:
            raise FramingFault("another message begins within a message")
        return message

    def _too_large(self) -> FrameTooLarge:
        return FrameTooLarge(self._limit, bytes(self._kept[1:PIECE]))
