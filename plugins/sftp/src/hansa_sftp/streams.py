"""Files being read and written over SFTP, with many requests under way at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hansa import Unavailable
from hansa_connect.files import BLOCK, Stream
from paramiko.sftp import CMD_DATA, CMD_READ, int64
from paramiko.sftp_file import SFTPFile

if TYPE_CHECKING:
    from paramiko import Message

    from .connection import SftpFiles

AHEAD = 64
"""Pieces that are asked for before the first of them has come."""
PIECE = 32 * 1024
"""Bytes of a piece."""


class ReadingStream(Stream):
    """A file being read, many pieces ahead.

    Paramiko's own prefetch asks for the whole file, in a thread that dies noisily with the
    connection.
    """

    def __init__(
        self, files: SftpFiles, file: SFTPFile, offset: int, size: int | None = None
    ) -> None:
        super().__init__(files)
        self._sftp = files.sftp
        self._file = file
        self._left = b""
        self._arrived: dict[int, bytes] = {}
        whole = file.stat().st_size if size is None else size
        self._pieces = self._read_ahead(offset, whole)

    def read(self, size: int = BLOCK, /) -> bytes:
        if not self._left:
            with self.files.translated():
                self._left = next(self._pieces, b"")
        data = self._left[:size]
        self._left = self._left[size:]
        return data

    def close(self) -> None:
        with self.files.translated():
            self._file.close()

    def _read_ahead(self, position: int, size: int) -> Iterator[bytes]:
        asked: deque[int] = deque()
        while position < size or asked:
            while position < size and len(asked) < AHEAD:
                asked.append(self._ask(position, min(PIECE, size - position)))
                position += PIECE
            while asked[0] not in self._arrived:
                self._sftp._read_response()
            yield self._arrived.pop(asked.popleft())

    def _ask(self, position: int, length: int) -> int:
        """Ask for a piece; returns the number of the request."""
        handle = self._file.handle
        number: int = self._sftp._async_request(self, CMD_READ, handle, int64(position), length)
        return number

    def _async_response(self, kind: int, message: Message, number: int) -> None:
        """Take a piece; Paramiko calls it, in `_read_response`."""
        # anything else than data says that nothing is left there: the file was cut short
        self._arrived[number] = message.get_string() if kind == CMD_DATA else b""


class WritingStream(Stream):
    """A file being written, without waiting for the answer to each piece."""

    def __init__(self, files: SftpFiles, file: SFTPFile, offset: int) -> None:
        super().__init__(files)
        self._file = file
        self._size = offset
        file.seek(offset)
        file.set_pipelined(True)

    def write(self, data: bytes | memoryview, /) -> None:
        with self.files.translated():
            self._file.write(data)
        self._size += len(data)

    def close(self) -> None:
        """Wait for all answers, and see that the file has the size that was sent."""
        with self.files.translated():
            size = self._file.stat().st_size
            self._file.close()
        if size != self._size:
            raise Unavailable(
                f"{self.files.where} has {size} bytes of the {self._size} that were sent"
            )
