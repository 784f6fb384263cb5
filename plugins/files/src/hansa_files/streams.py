"""Files of this machine being read and written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, cast

from hansa_connect.files import BLOCK, Stream

if TYPE_CHECKING:
    from .connection import LocalFiles


class ReadingStream(Stream):
    """A file being read."""

    def __init__(self, files: LocalFiles, descriptor: int, offset: int) -> None:
        super().__init__(files)
        self._file = cast(BinaryIO, os.fdopen(descriptor, "rb", buffering=0))
        self._file.seek(offset)

    def read(self, size: int = BLOCK, /) -> bytes:
        with self.files.translated(self.files.where):
            return self._file.read(size)

    def close(self) -> None:
        self._file.close()

    def abort(self) -> None:
        """Give the file up; what else is open stays usable."""
        self._file.close()


class WritingStream(Stream):
    """A file being written; `sync` has it on the disk before `close` returns."""

    takes_views = True

    def __init__(self, files: LocalFiles, descriptor: int, offset: int, *, sync: bool) -> None:
        super().__init__(files)
        self._descriptor = descriptor
        self._sync = sync
        os.lseek(descriptor, offset, os.SEEK_SET)

    def write(self, data: bytes | memoryview, /) -> None:
        left = memoryview(data)
        with self.files.translated(self.files.where):
            while left:
                written = os.write(self._descriptor, left)
                left = left[written:]

    def close(self) -> None:
        with self.files.translated(self.files.where):
            try:
                if self._sync:
                    os.fsync(self._descriptor)
            finally:
                os.close(self._descriptor)

    def abort(self) -> None:
        """Give the file up; what else is open stays usable."""
        os.close(self._descriptor)
