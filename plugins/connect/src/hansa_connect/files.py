"""Remote files: what a protocol must give (`FileSystem`, one connection), and the few things that paths and sockets need."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from hansa import Invalid, Model, Unavailable, setting

from .pool import Pool
from .sockets import shut, silent

BLOCK = 256 * 1024
Kind = Literal["file", "folder", "link", "other"]
_KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
_UNCLEAN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder on the server: `size` in bytes, `modified` in Unix seconds (0 if not told), links are not followed."""

    name: str
    size: int
    modified: float
    kind: Kind

    @classmethod
    def of(cls, name: str, found: Any) -> Entry:
        """An entry of what has `st_mode`, `st_size` and `st_mtime`."""
        kind = _KINDS.get(stat.S_IFMT(found.st_mode or 0), "other")
        return cls(name, int(found.st_size or 0), float(found.st_mtime or 0), kind)


class Stream:
    """A file being transferred over a `FileSystem`. A protocol's own has `read` or `write`, and `close`; that or `abort` ends it."""

    takes_views: ClassVar[bool] = False
    """Whether `write` takes a view of a buffer, too, and is done with it when it returns."""

    def __init__(self, files: FileSystem) -> None:
        self.files = files

    def read(self, size: int = BLOCK, /) -> bytes:
        """The next bytes, at most `size`; empty at the end."""
        raise io.UnsupportedOperation("the file is being written")

    def write(self, data: bytes, /) -> None:
        """Send all of it."""
        raise io.UnsupportedOperation("the file is being read")

    def close(self) -> None:
        """Finish; raises unless the server confirms that all went well."""
        raise NotImplementedError

    def abort(self) -> None:
        """Give it up half way, and the connection with it, which is the one way that all servers understand."""
        self.files.close()


class FileSystem(ABC):
    """One connection to a server's files; `config` are the settings. Paths are those of the server; all methods raise errors of Hansa.

    `NotFound` and `Forbidden` for a path, `Unavailable` for the rest; a fault of network or peer sets `broken` too. A `Connection`
    of `hansa_connect.pool`, so one thread at a time uses it, and has until `ends`.
    """

    broken = False
    ends = 0.0

    def __init__(self, config: Any) -> None:
        self.config = config
        self.where = f"{config.host}:{config.port}"
        self.sockets: list[socket.socket] = []  # the one that is always there first

    @abstractmethod
    def open(self, timeout: float) -> None:
        """Connect and log in."""

    def close(self) -> None:
        """Close what is open; more than once, also after `open` failed."""
        for connection in self.sockets:
            connection.close()
        self.sockets = []

    def abort(self) -> None:
        """Make what waits for the server fail; from any thread."""
        for connection in self.sockets:
            with contextlib.suppress(OSError):  # it is closed already
                shut(connection.fileno())

    def alive(self) -> bool:
        """Whether it seems usable, without asking the server: it has said nothing by itself, and no transfer was given up."""
        return len(self.sockets) == 1 and silent(self.sockets[0].fileno())

    @abstractmethod
    def check(self) -> None:
        """Ask the server whether it is there."""

    @abstractmethod
    def told(self, path: str = "") -> AbstractContextManager[None]:
        """Within it, what goes wrong is told as an error of Hansa: of the path, or of the server."""

    @abstractmethod
    def list(self, path: str) -> list[Entry]:
        """What is in a folder, in no order; never `.` and `..`."""

    @abstractmethod
    def stat(self, path: str) -> Entry:
        """What is at a path."""

    @abstractmethod
    def reader(self, path: str, offset: int = 0) -> Stream:
        """Begin to read a file, from a byte on."""

    @abstractmethod
    def writer(self, path: str, offset: int = 0) -> Stream:
        """Begin to write a file: anew, or from the end of its first `offset` bytes on, which it has."""

    @abstractmethod
    def rename(self, old: str, new: str) -> None:
        """Rename in one step; what has the new name may be replaced, or `Forbidden` raised."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Delete a file."""

    @abstractmethod
    def make_folder(self, path: str) -> None:
        """Make a folder in one that exists."""

    @abstractmethod
    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""

    def failed(self, error: BaseException) -> Unavailable:
        """What to raise for a fault of network or peer, which ends the connection."""
        self.broken = True
        if isinstance(error, ssl.SSLCertVerificationError):
            return Unavailable(
                f"the certificate of {self.where} is not valid: {error.verify_message}"
            )
        return Unavailable(f"the connection to {self.where} broke: {said(error)}")

    def remaining(self) -> float:
        """Seconds that the present call still has, at least a moment."""
        return max(0.001, self.ends - time.monotonic())


class Location(Model):
    """Settings of all that reads or writes remote files."""

    folder: Annotated[
        str,
        setting(
            "Folder on the server that all paths are below; empty for where the login leads",
            example="/in",
        ),
    ] = ""
    timeout: Annotated[
        float,
        setting(
            "Seconds that a call may take in all, connecting included, and that a server may be silent",
            gt=0,
        ),
    ] = 30.0
    transfer_timeout: Annotated[
        float,
        setting("Seconds that a call may take in all if it moves the content of a file", gt=0),
    ] = 600.0


class Connected:
    """Mixed into channels and outgoing connections to remote files: a subclass says how a connection is made."""

    kind: ClassVar[str]
    type: ClassVar[str]
    name: str
    config: Any
    lost: Callable[[BaseException], None]
    limit = 1
    pool: Pool[FileSystem] | None = None

    def file_system(self) -> FileSystem:
        """A connection, not open yet."""
        raise NotImplementedError

    def connect(self) -> None:
        """Open a first connection; raises if that fails."""
        what = f"{self.kind} {self.type} {self.name!r}"
        timeout = self.config.timeout
        self.pool = Pool(what, self.file_system, limit=self.limit, timeout=timeout, lost=self.lost)
        self.pool.start()

    def disconnect(self) -> None:
        """Close all connections; from any thread, and more than once."""
        if self.pool is not None:
            self.pool.close()

    @contextmanager
    def session(self, timeout: float | None = None) -> Iterator[FileSystem]:
        """A connection of the pool, for steps that share one deadline, in seconds from now; by default the setting `timeout`."""
        if self.pool is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not started")
        with self.pool.use(timeout) as files:
            yield files

    def path(self, path: str) -> str:
        """Where a path is on the server, below the folder; raises `Invalid` for one that leads out of it, or is no clean name."""
        if not is_clean(path) or ".." in path.replace("\\", "/").split("/"):
            raise Invalid({"path": f"{path!r} must have no control characters and no .. in it"})
        folder = self.config.folder.rstrip("/")
        if not folder and not self.config.folder:
            return path or "."
        parts = [part for part in path.split("/") if part not in ("", ".")]
        return "/".join([folder, *parts]) or "/"


def said(error: BaseException) -> str:
    """What an error, which a server may have worded, says in one short line."""
    return _UNCLEAN.sub(" ", str(error) or type(error).__name__)[:200]


def is_clean(name: str) -> bool:
    """Whether a name has no control characters, line ends of Unicode, or bytes that could not be decoded."""
    return not _UNCLEAN.search(name)


def dial(host: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection within so many seconds in all, whatever number of addresses a name has; raises `Unavailable`."""
    ends, last = time.monotonic() + timeout, OSError("it has no address")
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        ):
            made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(max(0.001, ends - time.monotonic()))
                made.connect(address)
                made.settimeout(timeout)
                return made
            except OSError as error:
                made.close()
                last = error
    except OSError as error:
        last = error
    raise Unavailable(f"cannot connect to {host}:{port}: {last.strerror or last}") from last
