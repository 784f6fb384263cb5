"""One outgoing FTP or SFTP connection as services of the Zato dialect use it.

It is a file system in the manner of PyFilesystem.
"""

from __future__ import annotations

import io
import logging
import posixpath
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from types import TracebackType
from typing import IO, Final, Protocol

from hansa import NotFound

from ..payloads import PlainDict, Value
from .entry import OpenConnection

log = logging.getLogger("hansa.zato.outgoing")

IN_MEMORY: Final = 1024 * 1024
"""Bytes of an open file that are kept in memory; larger ones go to a temporary file."""


class FileInfo(Protocol):
    """A file or folder as Hansa's connection reports it.

    `size` is in bytes, `modified` in Unix seconds.
    """

    name: str
    size: int
    modified: float
    kind: str


class LiveFiles(Protocol):
    """What is needed of Hansa's connection to remote files."""

    def list(self, path: str = "") -> Sequence[FileInfo]:
        """Return what is in a folder."""

    def stat(self, path: str) -> FileInfo:
        """Return one file or folder; raises `NotFound`."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""

    def check_free(self, path: str) -> None:
        """Raise `Conflict` if there is a file or folder."""

    def read(self, path: str) -> bytes:
        """Return the content of a file."""

    def write(self, path: str, content: bytes | str) -> None:
        """Write a file."""

    def download(self, path: str, file: IO[bytes], /) -> object:
        """Write the content of a remote file into one here."""

    def upload(self, file: Value, path: str, /) -> object:
        """Write the content of a file here into a remote one."""

    def rename(self, old: str, new: str, *, overwrite: bool = False) -> object:
        """Rename a file or folder; raises `Conflict` if the new name is taken."""

    def delete(self, path: str) -> object:
        """Delete a file."""

    def make_folder(self, path: str) -> object:
        """Make a folder, and those above it."""

    def remove_folder(self, path: str) -> object:
        """Remove an empty folder."""


class FTPConnection(OpenConnection[LiveFiles]):
    """Files by path.

    What Hansa's own connection offers besides can be called, too. Errors are those of Hansa.
    """

    def open(self, path: str, mode: str = "r", encoding: str = "utf-8", **ignored: object) -> Value:
        """Return a file with one of the modes r, rb, w, wb, a, ab.

        What was written is stored once it is closed.
        """
        live = self._live()
        access = mode.replace("b", "").replace("t", "")
        if access not in ("r", "w", "a"):
            raise ValueError(f"the mode {mode!r} is not r, w or a, with or without b")
        local = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller closes it
        if access == "r" or (access == "a" and live.exists(path)):
            live.download(path, local)
        local.seek(0, io.SEEK_END if access == "a" else io.SEEK_SET)
        content: Value = local if access == "r" else _Upload(local, live, path)
        return content if "b" in mode else _TextFile(content, encoding, newline="")

    def getcontents(
        self, path: str, mode: str = "rb", encoding: str = "utf-8", **ignored: object
    ) -> bytes | str:
        """Return the content of a file, as text for mode r."""
        content = self._live().read(path)
        return content if "b" in mode else content.decode(encoding)

    def setcontents(
        self, path: str, data: Value = b"", encoding: str = "utf-8", **ignored: object
    ) -> None:
        """Write bytes, text, or what a file object has."""
        live = self._live()
        if hasattr(data, "read"):
            live.upload(data, path)
        else:
            live.write(path, data.encode(encoding) if isinstance(data, str) else data)

    def listdir(
        self,
        path: str = "",
        wildcard: str | None = None,
        full: bool = False,
        absolute: bool = False,
        dirs_only: bool = False,
        files_only: bool = False,
    ) -> list[str]:
        """Return the names in a folder; with their path if `full` or `absolute`."""
        path = "" if path in ("./", ".") else path
        kinds = ("folder",) if dirs_only else ("file",) if files_only else None
        names = []
        for entry in self._live().list(path):
            is_wanted = kinds is None or entry.kind in kinds
            if is_wanted and (wildcard is None or fnmatch(entry.name, wildcard)):
                names.append(entry.name)
        if not (full or absolute):
            return names
        folder = posixpath.join("/" if absolute else "", path.strip("/"))
        return [posixpath.join(folder, name) for name in names]

    def isdir(self, path: str) -> bool:
        """Whether it is a folder."""
        return self._is(path, "folder")

    def isfile(self, path: str) -> bool:
        """Whether it is a file."""
        return self._is(path, "file")

    def getinfo(self, path: str) -> PlainDict:
        """Return its `size` in bytes and `modified_time` (UTC)."""
        found = self._live().stat(path)
        modified = datetime.fromtimestamp(found.modified, UTC).replace(tzinfo=None)
        return {"size": found.size, "modified_time": modified}

    def getsize(self, path: str) -> int:
        """Return its size in bytes."""
        return int(self._live().stat(path).size)

    def makedir(self, path: str, recursive: bool = False, allow_recreate: bool = False) -> None:
        """Make a folder, and with `recursive` those above it.

        Raises `Conflict` if it is there, unless that is allowed; `NotFound` if the folder above is
        missing.
        """
        live = self._live()
        if not allow_recreate:
            live.check_free(path)
        parent = posixpath.dirname(path.rstrip("/"))
        if parent and not recursive:
            live.stat(parent)  # raises if it is not there
        live.make_folder(path)

    def remove(self, path: str) -> None:
        """Delete a file."""
        self._live().delete(path)

    def removedir(self, path: str, recursive: bool = False, force: bool = False) -> None:
        """Remove a folder, which must be empty unless `force` is set."""
        live = self._live()
        for entry in live.list(path) if force else ():
            inner = posixpath.join(path, entry.name)
            if entry.kind == "folder":
                self.removedir(inner, force=True)
            else:
                live.delete(inner)
        live.remove_folder(path)

    def move(self, src: str, dst: str, overwrite: bool = False, **ignored: object) -> None:
        """Move a file.

        Raises `Conflict` if there is one with the new name, unless it may be overwritten.
        """
        self._live().rename(src, dst, overwrite=overwrite)

    def rename(self, src: str, dst: str, **ignored: object) -> None:
        """Rename a file or folder."""
        self._live().rename(src, dst)

    def copy(self, src: str, dst: str, overwrite: bool = False, **ignored: object) -> None:
        """Copy a file; raises `Conflict` like `move`."""
        live = self._live()
        if not overwrite:
            live.check_free(dst)
        with self.open(src, "rb") as file:
            live.upload(file, dst)

    def close(self) -> None:
        """Do nothing: connections go back to their pool after each call."""

    def _is(self, path: str, kind: str) -> bool:
        try:
            return self._live().stat(path).kind == kind
        except NotFound:
            return False


class _Upload(io.BufferedIOBase):
    """A temporary file that is uploaded when it is closed.

    It is not if the block that writes it raises, and not if it is never closed.
    """

    def __init__(self, content: IO[bytes], live: LiveFiles, path: str) -> None:
        self._content = content
        self._live = live
        self._path = path
        self.complete = True

    def writable(self) -> bool:
        return True

    def write(self, data: Value) -> int:
        return int(self._content.write(data))

    def close(self) -> None:
        if self.closed:
            return
        try:
            if self.complete:
                self._content.seek(0)
                self._live.upload(self._content, self._path)
        finally:
            super().close()
            self._content.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.complete = kind is None
        self.close()

    def abandon(self) -> None:
        """Close it without an upload, if nobody has closed it.

        What was written is lost, and logged.
        """
        if not self.closed:
            log.warning("%s was not closed, so it is not uploaded", self._path)
            self.complete = False
            self.close()

    def __del__(self) -> None:
        self.abandon()


class _TextFile(io.TextIOWrapper):
    """The same for text."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(self.buffer, _Upload):
            self.buffer.complete = kind is None
        self.close()

    def __del__(self) -> None:
        if not self.closed and isinstance(self.buffer, _Upload):
            self.buffer.abandon()
