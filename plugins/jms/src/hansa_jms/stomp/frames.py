"""Frames of STOMP 1.2: written, and read from whatever pieces the network delivers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..broker_socket import ProtocolError

LONGEST_HEAD = 1024 * 1024
"""Bytes of a frame's command and headers, at most."""
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")
_ESCAPED = re.compile(r"[\\\r\n:]")
_ESCAPES = {"\\": r"\\", "\r": r"\r", "\n": r"\n", ":": r"\c"}
_ESCAPE = re.compile(r"\\([\\rnc])")
_UNESCAPED = {"\\": "\\", "r": "\r", "n": "\n", "c": ":"}
_RAW_COMMANDS = ("CONNECT", "CONNECTED")
"""Commands whose headers have no escapes (STOMP 1.2, "Value Encoding")."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame; `size` is that of its body in bytes, which is left out if it is over the limit."""

    command: str
    headers: dict[str, str]
    body: bytes
    size: int


def encoded(command: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of a frame."""
    lines = [command]
    if command in _RAW_COMMANDS:
        lines += [f"{name}:{value}" for name, value in headers.items()]
    else:
        lines += [f"{_escaped(name)}:{_escaped(value)}" for name, value in headers.items()]
    head = "\n".join(lines)
    return b"".join((head.encode(), b"\n\n", body, b"\0"))


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)


class FrameReader:
    """Makes frames of bytes; a body of more than `largest` bytes is dropped as it comes."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self._buffer = bytearray()
        self._command = ""
        self._headers: dict[str, str] = {}
        self._length: int | None = None
        self._scanned = 0
        self._dropped = 0

    @property
    def is_inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._command or self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that end in `data`; raises `ProtocolError`."""
        self._buffer += data
        frames: list[Frame] = []
        while True:
            if not self._command and not self._read_head():
                return frames
            end = self._end_of_body()
            if end is None:
                return frames
            frames.append(self._taken(end))

    def _read_head(self) -> bool:
        """Read command and headers, if all of them are there; line ends before them mean nothing."""
        buffer = self._buffer
        blank = len(buffer) - len(buffer.lstrip(b"\r\n"))
        del buffer[:blank]
        found = _END_OF_HEAD.search(buffer)
        if found is None:
            if len(buffer) > LONGEST_HEAD:
                raise ProtocolError("the headers of a frame do not end")
            return False
        command, *lines = _LINE_END.split(buffer[: found.start()].decode(errors="replace"))
        del buffer[: found.end()]
        self._command = command
        self._headers = _headers_of(lines, raw=command in _RAW_COMMANDS)
        self._length = _length_of(self._headers)
        return True

    def _end_of_body(self) -> int | None:
        """Return where the body ends in the buffer; None if it does not yet."""
        buffer = self._buffer
        if self._length is None:
            end = buffer.find(0, self._scanned)
            if end >= 0:
                return end
        else:
            end = self._length - self._dropped
            if len(buffer) > end:
                if buffer[end]:
                    raise ProtocolError("a frame is longer than it says")
                return end
        if self._dropped or len(buffer) > self.largest:
            self._dropped += len(buffer)
            buffer.clear()
        self._scanned = len(buffer)
        return None

    def _taken(self, end: int) -> Frame:
        size = self._dropped + end
        body = b"" if size > self.largest else bytes(self._buffer[:end])
        frame = Frame(self._command, self._headers, body, size)
        del self._buffer[: end + 1]
        self._command = ""
        self._scanned = 0
        self._dropped = 0
        return frame


def _headers_of(lines: list[str], *, raw: bool) -> dict[str, str]:
    """Return headers; of those of one name the first one counts."""
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if not raw and "\\" in line:
            name = _unescaped(name)
            value = _unescaped(value)
        headers.setdefault(name, value)
    return headers


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _UNESCAPED[found[1]], text)


def _length_of(headers: Mapping[str, str]) -> int | None:
    given = headers.get("content-length")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 16):
        raise ProtocolError("the length of a frame is not a number")
    return int(given)
