"""The files of a log, with those that were moved away, read in blocks from either end.

Which files there are is said here alone: nothing that a caller gives becomes part of a path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from .line import ACCESS, SERVER, Read, read_access, read_server

BLOCK = 2**18
"""Bytes that are read at once."""
MOST_FILES = 50
"""Files of one log that are read: the newest, and those that were moved away."""
MOST_BYTES = 2**27
"""Bytes that one query reads of all logs of a server."""
MOST_SECONDS = 1.2


@dataclass(frozen=True, slots=True)
class Log:
    """A log of a server: its name, its newest file, and what reads its lines."""

    name: str
    file: str
    read: Read


LOGS = (Log(SERVER, "server.log", read_server), Log(ACCESS, "access.log", read_access))


class Budget:
    """How much one query may still read: bytes, and seconds from now."""

    def __init__(self, size: int = MOST_BYTES, seconds: float = MOST_SECONDS) -> None:
        self._left = size
        self._until = monotonic() + seconds

    def spend(self, size: int) -> None:
        """Take note of bytes that were read."""
        self._left -= size

    @property
    def is_spent(self) -> bool:
        """Whether nothing more may be read."""
        return self._left <= 0 or monotonic() > self._until


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file of a log that is open for reading; `size` is what it had when it was opened."""

    stream: BinaryIO
    inode: int
    size: int


@contextmanager
def opened(folder: Path, log: Log) -> Iterator[list[OpenFile]]:
    """Open the files of a log, the newest first; those moved away meanwhile are there once.

    Raises OSError for one that cannot be read.
    """
    with ExitStack() as stack:
        files: dict[int, OpenFile] = {}
        for number in range(MOST_FILES):
            path = folder / (f"{log.file}.{number}" if number else log.file)
            try:
                stream = stack.enter_context(path.open("rb"))
            except FileNotFoundError:
                if number:
                    break
                continue
            status = os.fstat(stream.fileno())
            files.setdefault(status.st_ino, OpenFile(stream, status.st_ino, status.st_size))
        yield list(files.values())


def blocks_back(file: OpenFile) -> Iterator[list[bytes]]:
    """Yield the lines of a file in blocks, the last block first, the lines of each in their order;
    what follows the last line feed is left out.
    """
    position = end_of(file)
    head = b""
    while position > 0:
        size = min(BLOCK, position)
        position -= size
        file.stream.seek(position)
        lines = (file.stream.read(size) + head).split(b"\n")
        if position > 0:
            head = lines.pop(0)
        yield [line for line in lines if line]


def blocks_on(file: OpenFile, offset: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the lines after an offset in blocks, each with the offset after it; what follows the
    last line feed is left out.
    """
    end = end_of(file)
    head = b""
    position = offset
    while position < end:
        size = min(BLOCK, end - position)
        file.stream.seek(position)
        position += size
        lines = (head + file.stream.read(size)).split(b"\n")
        head = lines.pop()
        yield position - len(head), [line for line in lines if line]


def end_of(file: OpenFile) -> int:
    """Return the offset after the last line feed."""
    position = file.size
    while position > 0:
        size = min(BLOCK, position)
        file.stream.seek(position - size)
        found = file.stream.read(size).rfind(b"\n")
        if found >= 0:
            return position - size + found + 1
        position -= size
    return 0
