"""Chunked transfer coding (RFC 9112, section 7.1), read strictly and with limits."""

from __future__ import annotations

import re
from typing import IO

from hansa import HansaError, TooLarge
from waitress.buffers import OverflowableBuffer
from waitress.rfc7230 import QUOTED_STRING, TOKEN

from .errors import header_too_large, malformed

_EXTENSION = rf"[ \t]*;[ \t]*{TOKEN}(?:[ \t]*=[ \t]*(?:{TOKEN}|{QUOTED_STRING}))?"
_is_field = re.compile(rf"{TOKEN}:[\t\x20-\x7e\x80-\xff]*".encode("latin-1")).fullmatch
_chunk_line = re.compile(rf"([0-9A-Fa-f]+)(?:{_EXTENSION})*".encode("latin-1")).fullmatch
_CRLF = b"\r\n"
_IN_MEMORY = 2**19
"""Bytes of content that are kept in memory; more go to a temporary file."""


class ChunkedBody:
    """Takes in a chunked body piece by piece; waitress calls it the receiver of a body.

    `largest` bytes of content are taken, and as many as `framing` of chunk extensions and trailer
    fields, which are checked and dropped. `error` is set, and nothing more is read, for what is
    malformed (400), for content over the limit as soon as a chunk announces it (413), and for
    framing over its limit (431).
    """

    def __init__(self, largest: int, framing: int) -> None:
        self.error: HansaError | None = None
        self.completed = False
        self._room = largest
        self._framing = framing
        self._buffer = OverflowableBuffer(_IN_MEMORY)
        self._line = b""
        self._remaining = 0
        self._step = self._begin_chunk

    def __len__(self) -> int:
        return len(self._buffer)

    def received(self, data: bytes) -> int:
        """Take in bytes; returns how many of them belong to the body."""
        position = 0
        try:
            while position < len(data) and not self.completed:
                if self._remaining:
                    position += self._take(data[position : position + self._remaining])
                else:
                    position += self._take_line(data, position)
        except HansaError as error:
            self.error = error
            self.completed = True
        return position

    def getfile(self) -> IO[bytes]:
        """Return the content as a file, from its beginning."""
        file: IO[bytes] = self._buffer.getfile()
        return file

    def getbuf(self) -> OverflowableBuffer:
        """Return what is to be closed once the request is answered."""
        return self._buffer

    def _take(self, content: bytes) -> int:
        self._buffer.append(content)
        self._remaining -= len(content)
        return len(content)

    def _take_line(self, data: bytes, position: int) -> int:
        """Take in bytes up to the end of a line, and act on the line once it is whole."""
        end = data.find(b"\n", position)
        piece = data[position:] if end < 0 else data[position : end + 1]
        self._line += piece
        if len(self._line) > self._framing:
            raise header_too_large("the chunk extensions and trailer fields are")
        if end >= 0:
            line = self._line
            self._line = b""
            if not line.endswith(_CRLF):
                raise malformed("a line of the chunked body does not end with CR LF")
            self._step(line[:-2])
        return len(piece)

    def _begin_chunk(self, line: bytes) -> None:
        found = _chunk_line(line)
        if found is None:
            raise malformed("a chunk does not begin with its size")
        digits = found[1]
        self._framing -= len(line) - len(digits.lstrip(b"0"))
        if self._framing < 0:
            raise header_too_large("the chunk extensions and trailer fields are")
        self._remaining = int(digits, 16)
        if self._remaining > self._room:
            raise TooLarge("the body is larger than this server takes")
        self._room -= self._remaining
        self._step = self._end_chunk if self._remaining else self._take_trailer

    def _end_chunk(self, line: bytes) -> None:
        if line:
            raise malformed("a chunk is longer than its size")
        self._step = self._begin_chunk

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self.completed = True
            return
        self._framing -= len(line) + len(_CRLF)
        if not _is_field(line):
            raise malformed("a trailer field is malformed")
