"""Remote files: what a protocol has to offer, in the form of one connection, and names of files."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import stat
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

from hansa import Unavailable

from .remedies import advised
from .sockets import SHORTEST, is_silent, shut_down

BLOCK = 256 * 1024
"""Bytes that are transferred at a time."""
LONGEST_TEXT = 200
"""Characters of what a server says, at most."""

EntryKind: TypeAlias = Literal["file", "folder", "link", "other"]

_KINDS: dict[int, EntryKind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
}
_UNCLEAN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Attributes(Protocol):
    """What libraries return of a file, as `os.stat` does.

    Each may be None where the server does not say.
    """

    @property
    def st_mode(self) -> int | None:
        """Type and permissions."""

    @property
    def st_size(self) -> int | None:
        """Bytes."""

    @property
    def st_mtime(self) -> float | None:
        """Seconds of the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder on the server; links are not followed.

    `size` is in bytes, `modified` in seconds of the Unix epoch, 0 if unknown.
    """

    name: str
    size: int
    modified: float
    kind: EntryKind

    @classmethod
    def of(cls, name: str, found: Attributes) -> Entry:
        """Return an entry with these attributes."""
        kind = _KINDS.get(stat.S_IFMT(found.st_mode or 0), "other")
        return cls(name, int(found.st_size or 0), float(found.st_mtime or 0), kind)


class Stream:
    """A file being transferred over a `FileSystem`.

    A protocol defines `read` or `write`, and `close`. `close` or `abort` ends it.
    """

    takes_views: ClassVar[bool] = False
    """Whether `write` also takes a view of a buffer, and is done with it when it returns."""

    def __init__(self, files: FileSystem) -> None:
        self.files = files

    def read(self, size: int = BLOCK, /) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end."""
        raise io.UnsupportedOperation("the file is being written")

    def write(self, data: bytes | memoryview, /) -> None:
        """Send all of it."""
        raise io.UnsupportedOperation("the file is being read")

    def close(self) -> None:
        """Finish; raises unless the server confirms that all went well."""
        raise NotImplementedError

    def abort(self) -> None:
        """Give up, and the connection with it: the one way that all servers understand."""
        self.files.close()


class FileSystem(ABC):
    """One connection to a server's files, used by one thread at a time.

    It is a `Connection` of `hansa_connect.pool`. Paths are those of the server. All methods raise
    errors of Hansa: `RemoteNotFound` and `RemoteForbidden` for a path, `Unavailable` for the rest;
    a fault of network or server sets `broken`, too.
    """

    lists_as_stat: ClassVar[bool] = False
    """Whether `list` tells of a file what `stat` does: the same size, and the same time."""

    def __init__(self, where: str) -> None:
        self.where = where  # what errors call the server, such as HOST:PORT
        self.broken = False
        self.ends = 0.0
        self.sockets: list[socket.socket] = []  # the one that is always there comes first

    @abstractmethod
    def open(self, timeout: float) -> None:
        """Connect and log in."""

    def close(self) -> None:
        """Close what is open; may be called more than once, and after `open` failed."""
        for connection in self.sockets:
            connection.close()
        self.sockets = []

    def abort(self) -> None:
        """Make what waits for the server fail; from any thread."""
        for connection in self.sockets:
            with contextlib.suppress(OSError):  # it is closed already
                shut_down(connection.fileno())

    def alive(self) -> bool:
        """Return whether it seems usable: the server is silent, and no transfer was given up."""
        return len(self.sockets) == 1 and is_silent(self.sockets[0].fileno())

    @abstractmethod
    def check(self) -> None:
        """Ask the server whether it is there."""

    @abstractmethod
    def translated(self, path: str = "") -> AbstractContextManager[None]:
        """Raise what goes wrong in the block as an error of Hansa, of the path or the server."""

    @abstractmethod
    def list(self, path: str) -> list[Entry]:
        """Return what is in a folder, in no order; never `.` and `..`."""

    @abstractmethod
    def stat(self, path: str) -> Entry:
        """Return what is at a path."""

    @abstractmethod
    def reader(self, path: str, offset: int = 0, size: int | None = None) -> Stream:
        """Begin to read a file, at an offset in bytes; `size` is what it has in all, if known."""

    @abstractmethod
    def writer(self, path: str, offset: int = 0) -> Stream:
        """Begin to write a file: anew, or after its first `offset` bytes, which it has already."""

    @abstractmethod
    def rename(self, old: str, new: str) -> None:
        """Rename in one step; what has the new name is replaced, or `RemoteForbidden` raised."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Delete a file."""

    @abstractmethod
    def make_folder(self, path: str) -> None:
        """Make a folder in one that exists."""

    @abstractmethod
    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""

    def connection_error(self, error: BaseException) -> Unavailable:
        """Return what to raise for a fault of network or server, which ends the connection."""
        self.broken = True
        if isinstance(error, ssl.SSLCertVerificationError):
            fault = f"the certificate of {self.where} is not valid: {error.verify_message}"
        else:
            fault = f"the connection to {self.where} broke: {one_line(error)}"
        return Unavailable(advised(fault, self.remedy_of(error)))

    def remedy_of(self, error: BaseException) -> str:
        """Return which setting to change after a fault of network or server; empty if none is to
        blame, as once a connection has worked.
        """
        return ""

    def remaining(self) -> float:
        """Return the seconds that are left of the present call, at least a moment."""
        return max(SHORTEST, self.ends - time.monotonic())


def one_line(error: BaseException) -> str:
    """Return the text of an error, which a server may have worded, as one short, clean line."""
    return _UNCLEAN.sub(" ", str(error) or type(error).__name__)[:LONGEST_TEXT]


def is_clean(name: str) -> bool:
    """Return whether a name is free of control characters and of bytes that cannot be decoded."""
    return not _UNCLEAN.search(name)


def is_file_name(name: str) -> bool:
    """Return whether a name is clean and leads nowhere else: no slash, no `..` between backslashes.

    Leading and trailing blanks are part of a name.
    """
    return is_clean(name) and "/" not in name and ".." not in name.split("\\")
