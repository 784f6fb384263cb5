"""What objects are read from and uploaded from, piece by piece."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from hansa import Unavailable
from hansa_connect.files import BLOCK

from .faults import translated
from .objects import SwiftObject

if TYPE_CHECKING:
    from .connection import SwiftConnection


class ObjectStream:
    """The content of an object being read: `read` until it gives nothing.

    `about` is the object; of a range, `size` is that of the range.
    """

    def __init__(self, connection: SwiftConnection, about: SwiftObject, body: Any) -> None:
        self.about = about
        self._connection = connection
        self._body = body
        self._received = 0

    def read(self, size: int = BLOCK, /) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end.

        Raises `Unavailable` if the connection breaks, `TimedOut` at the deadline of the call.
        """
        with translated(self._connection, self.about.name):
            data = bytes(self._body.read(size))
        self._received += len(data)
        if size and not data and self._received < self.about.size:
            got = f"{self._received} bytes, and not {self.about.size}"
            raise Unavailable(f"{self.about.name} came with {got}")
        return data

    def close(self) -> None:
        """Let the connection go; what was not read is not read any more."""
        with suppress(OSError):
            self._body.close()


class Readable(Protocol):
    """What can be uploaded."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, nothing at the end."""


class SourceFault(Exception):
    """Reading the source of an upload failed with `error`; no library takes it for the network's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Source:
    """What is left of a file or stream; `has_more` reads ahead."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._ahead = b""

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end. Raises `SourceFault`."""
        if self._ahead:
            data = self._ahead[:size]
            self._ahead = self._ahead[size:]
            return data
        try:
            return self._file.read(size)
        except Exception as error:
            raise SourceFault(error) from error

    def has_more(self) -> bool:
        """Return whether there is anything left."""
        self._ahead = self._ahead or self.read(BLOCK)
        return bool(self._ahead)

    def head(self, most: int) -> bytes:
        """Return the next bytes, `most` of them unless the source ends."""
        found = io.BytesIO()
        while found.tell() < most and (data := self.read(most - found.tell())):
            found.write(data)
        return found.getvalue()

    def put_back(self, data: bytes) -> None:
        """Have bytes that were read come again."""
        self._ahead = data + self._ahead


class Segment:
    """The next bytes of a source, at most `most`; `size` and `digest` are of what was read."""

    def __init__(self, source: Source, most: int) -> None:
        self._source = source
        self._most = most
        self.size = 0
        self._digest = hashlib.md5(usedforsecurity=False)

    @property
    def digest(self) -> str:
        """The MD5 of what was read, by which Swift finds out what was changed on its way."""
        return self._digest.hexdigest()

    def compare(self, etag: str, name: str) -> None:
        """Raise `Unavailable` if what Swift has stored is not what was read."""
        if etag.strip('"') != self.digest:
            raise Unavailable(f"{name} arrived with other bytes than were sent")

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes of the segment; nothing at its end."""
        left = self._most - self.size
        wanted = min(left, BLOCK if size < 0 else size)
        data = self._source.read(wanted) if wanted else b""
        self.size += len(data)
        self._digest.update(data)
        return data


def size_of(source: object) -> int | None:
    """Return how many bytes are left of a local file; None where that is not known."""
    with suppress(AttributeError, OSError, io.UnsupportedOperation):
        here: Any = source
        left: int = os.fstat(here.fileno()).st_size - here.tell()
        return max(0, left)
    return None
