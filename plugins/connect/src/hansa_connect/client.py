"""One client for remote files of all protocols, with uploads that appear whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TypeVar

from hansa import HansaError, Misused, Outgoing, Unavailable, setting

from .files import Entry, FileSystem, Stream
from .location import FileConnections, LocationSettings
from .remote import RemoteConflict
from .transfer import beside, copy, exists, fetch, make_folders, read_all, reading, replace, writing


class RemoteSettings(LocationSettings):
    """Limits.

    Settings of outgoing connections to remote files.
    """

    max_connections: Annotated[
        int,
        setting("Maximum connections of one worker; calls wait until one is free", ge=1, le=1000),
    ] = 5
    read_limit: Annotated[
        int,
        setting(
            "Maximum bytes that `read` takes into memory; `download` and `open` have no limit",
            ge=1,
        ),
    ] = 64 * 1024 * 1024


RemoteT = TypeVar("RemoteT", bound=RemoteSettings)


class FileOutgoing(FileConnections[RemoteT], Outgoing[RemoteT]):
    """Remote files for services, as `self.outgoing.TYPE["name"]`; safe in many threads.

    Paths are below the folder of the definition. Every method takes `timeout`, its time limit in
    seconds, and raises `RemoteNotFound`, `RemoteForbidden`, `RemoteConflict` or `Invalid` for a
    path, `TimedOut` at the deadline, and `Unavailable` when the server is gone or fails. A file
    appears under its name once all of it is written; until then it is `.NAME.XXXX.part`.
    """

    @contextmanager
    def session(self, timeout: float | None = None) -> Iterator[FileSystem]:
        """Lend a connection for steps that share one time limit, in seconds, and are one call for
        those who observe them.
        """
        with self.observed(), super().session(timeout) as files:
            yield files

    def pool_size(self) -> int:
        """Return the maximum number of connections."""
        return self.config.max_connections

    def start(self) -> None:
        """Open a first connection; raises if that fails."""
        self.connect()

    def stop(self) -> None:
        """Close all connections."""
        self.disconnect()

    def ping(self) -> str:
        """Ask the server whether it is there."""
        with self.session() as files:
            files.check()
            return f"{files.where} answers"

    def list(self, path: str = "", *, timeout: float | None = None) -> list[Entry]:
        """Return what is in a folder, sorted by name."""
        with self.session(timeout) as files:
            return sorted(files.list(self.path(path)), key=lambda entry: entry.name)

    def stat(self, path: str, *, timeout: float | None = None) -> Entry:
        """Return size, time and kind of what is at a path."""
        with self.session(timeout) as files:
            return files.stat(self.path(path))

    def exists(self, path: str, *, timeout: float | None = None) -> bool:
        """Return whether there is anything at a path."""
        with self.session(timeout) as files:
            return exists(files, self.path(path))

    def check_free(self, path: str, *, timeout: float | None = None) -> None:
        """Raise `RemoteConflict` if there is anything at a path."""
        with self.session(timeout) as files:
            self._check_free(files, path)

    def _check_free(self, files: FileSystem, path: str) -> None:
        if exists(files, self.path(path)):
            raise RemoteConflict(f"{path} exists")

    def read(self, path: str, *, timeout: float | None = None) -> bytes:
        """Return the content of a file; raises `ResultTooLarge` over the setting `read_limit`."""
        with self.open(path, timeout=timeout) as file:
            return read_all(file, self.config.read_limit, path)

    def write(self, path: str, content: bytes | str, *, timeout: float | None = None) -> None:
        """Write a file at once, text as UTF-8; a file that has the name already is replaced."""
        data = content.encode() if isinstance(content, str) else content
        self.upload(io.BytesIO(data), path, timeout=timeout)

    @contextmanager
    def open(
        self, path: str, mode: Literal["rb", "wb"] = "rb", *, timeout: float | None = None
    ) -> Iterator[Stream]:
        """Open a file to `read` from or `write` to, piece by piece.

        An exception in the block leaves nothing behind on the server.
        """
        where = self.path(path)
        seconds = timeout or self.config.transfer_timeout
        if mode == "rb":
            with self.session(seconds) as files, reading(files.reader(where)) as stream:
                yield stream
        elif mode == "wb":
            with self._writing(where, seconds) as stream:
                yield stream
        else:
            raise Misused({"mode": "must be rb or wb"})

    @contextmanager
    def _writing(self, where: str, seconds: float) -> Iterator[Stream]:
        part = beside(where, secrets.token_hex(4))
        ends = 0.0
        try:
            with self.session(seconds) as files:
                ends = files.ends
                with writing(files.writer(part)) as stream:
                    yield stream
                replace(files, part, where)
        except BaseException:
            left = ends - time.monotonic()
            if left > 0:
                self._try_to_delete(part, min(left, self.config.timeout))
            raise

    def _try_to_delete(self, where: str, seconds: float) -> None:
        with contextlib.suppress(HansaError), self.session(seconds) as files:
            files.delete(where)

    def download(
        self,
        path: str,
        target: str | Path | BinaryIO,
        *,
        resume: bool = False,
        timeout: float | None = None,
    ) -> int:
        """Copy a file to a local path, where it appears whole or not at all, or into a file object.

        Returns the bytes copied. With `resume`, for a path: what an interrupted call has fetched is
        kept beside it, and only the rest is fetched if the file on the server is still the same by
        size and time.
        """
        where = self.path(path)
        with self.session(timeout or self.config.transfer_timeout) as files:
            if isinstance(target, str | Path):
                return self._download(files, where, Path(target), resume)
            with reading(files.reader(where)) as stream:
                return copy(stream, target)

    def _download(self, files: FileSystem, where: str, target: Path, resume: bool) -> int:
        found = files.stat(where)
        part = target.with_name(f".{target.name}.{found.size}-{found.modified:.0f}.part")
        have = part.stat().st_size if resume and part.exists() else 0
        try:
            got = fetch(files, where, part, found.size, have)
            if got != found.size:
                part.unlink()
                raise Unavailable(f"{where} came with {got} bytes, and not {found.size}")
            os.replace(part, target)
        except BaseException:
            if not resume:
                part.unlink(missing_ok=True)
            raise
        return found.size - have

    def upload(
        self,
        source: str | Path | BinaryIO,
        path: str,
        *,
        resume: bool = False,
        timeout: float | None = None,
    ) -> int:
        """Copy a local file, or what is left of a file object, to the server.

        Returns the bytes sent. A file that has the name already is replaced. With `resume`, for a
        path: what an interrupted call has sent stays on the server, and only the rest is sent by
        the next call for the same file, by its size and time.
        """
        if isinstance(source, str | Path):
            with open(source, "rb") as file:
                if resume:
                    return self._resume_upload(file, path, timeout)
                return self.upload(file, path, timeout=timeout)
        with self.open(path, "wb", timeout=timeout) as stream:
            return copy(source, stream)

    def _resume_upload(self, file: BinaryIO, path: str, timeout: float | None) -> int:
        where = self.path(path)
        about = os.fstat(file.fileno())
        part = beside(where, f"{about.st_size:x}-{about.st_mtime_ns:x}")
        with self.session(timeout or self.config.transfer_timeout) as files:
            have = files.stat(part).size if exists(files, part) else 0
            file.seek(have)
            with writing(files.writer(part, have)) as stream:
                sent = copy(file, stream)
            there = files.stat(part).size
            if there != about.st_size:
                files.delete(part)
                raise Unavailable(
                    f"{path} has {there} bytes on the server, and not {about.st_size}"
                )
            replace(files, part, where)
            return sent

    def rename(
        self, old: str, new: str, *, overwrite: bool = False, timeout: float | None = None
    ) -> None:
        """Rename or move a file or folder.

        Raises `RemoteConflict` if the new name is taken, unless it may be overwritten.
        """
        with self.session(timeout) as files:
            if not overwrite:
                self._check_free(files, new)
            replace(files, self.path(old), self.path(new))

    def delete(self, path: str, *, timeout: float | None = None) -> None:
        """Delete a file."""
        with self.session(timeout) as files:
            files.delete(self.path(path))

    def make_folder(self, path: str, *, timeout: float | None = None) -> None:
        """Make a folder, and those above it; does nothing if it is there."""
        with self.session(timeout) as files:
            make_folders(files, self.path(path))

    def remove_folder(self, path: str, *, timeout: float | None = None) -> None:
        """Remove an empty folder."""
        with self.session(timeout) as files:
            files.remove_folder(self.path(path))
