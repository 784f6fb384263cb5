"""What services do with remote files: one client for all protocols, with uploads that appear whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from hansa import Conflict, HansaError, Invalid, Outgoing, Unavailable, setting

from .files import Connected, Entry, Location, Stream
from .transfer import beside, copy, exists, fetch, make_folders, read_all, reading, replace, writing


class Remote(Location):
    """Settings of outgoing connections to remote files."""

    max_connections: Annotated[
        int, setting("Most connections of one worker; calls wait for a free one", ge=1, le=1000)
    ] = 5
    read_limit: Annotated[
        int,
        setting(
            "Most bytes that `read` takes into memory; `download` and `open` have no such limit",
            ge=1,
        ),
    ] = 64 * 1024 * 1024


class FileOutgoing(Connected, Outgoing):
    """Remote files for services, as `self.outgoing.TYPE["name"]`; safe in many threads.

    Paths are below the folder of the definition. Every method takes `timeout`, the seconds that the call may take in all, and
    raises `NotFound`, `Forbidden`, `Conflict` or `Invalid` for a path, `TimedOut` at the deadline, and `Unavailable` when the
    server is gone or fails. What is written appears under its name once all of it is there; until then it is `.NAME.XXXX.part`.
    """

    def start(self) -> None:
        """Open a first connection; raises if that fails."""
        self.limit = self.config.max_connections
        self.connect()

    def stop(self) -> None:
        """Close all connections."""
        self.disconnect()

    def ping(self) -> str:
        """Ask the server whether it is there."""
        with self.session() as files:
            files.check()
        return f"{self.config.host}:{self.config.port} answers"

    def list(self, path: str = "", *, timeout: float | None = None) -> list[Entry]:
        """What is in a folder, by name."""
        with self.session(timeout) as files:
            return sorted(files.list(self.path(path)), key=lambda entry: entry.name)

    def stat(self, path: str, *, timeout: float | None = None) -> Entry:
        """Size, time and kind of what is at a path."""
        with self.session(timeout) as files:
            return files.stat(self.path(path))

    def exists(self, path: str, *, timeout: float | None = None) -> bool:
        """Whether there is anything at a path."""
        with self.session(timeout) as files:
            return exists(files, self.path(path))

    def read(self, path: str, *, timeout: float | None = None) -> bytes:
        """The content of a file; raises `TooLarge` over the setting `read_limit`."""
        with self.open(path, timeout=timeout) as file:
            return read_all(file, self.config.read_limit, path)

    def write(self, path: str, content: bytes | str, *, timeout: float | None = None) -> None:
        """Write a file in one go, text as UTF-8; one that has the name already is replaced."""
        self.upload(
            io.BytesIO(content.encode() if isinstance(content, str) else content),
            path,
            timeout=timeout,
        )

    @contextmanager
    def open(
        self, path: str, mode: Literal["rb", "wb"] = "rb", *, timeout: float | None = None
    ) -> Iterator[Stream]:
        """A file to `read` from or `write` to, piece by piece; an exception in the block leaves nothing behind on the server."""
        where = self.path(path)
        if mode not in ("rb", "wb"):
            raise Invalid({"mode": "must be rb or wb"})
        if mode == "rb":
            with (
                self.session(timeout or self.config.transfer_timeout) as files,
                reading(files.reader(where)) as stream,
            ):
                yield stream
            return
        part, ends = beside(where, secrets.token_hex(4)), 0.0
        try:
            with self.session(timeout or self.config.transfer_timeout) as files:
                ends = files.ends
                with writing(files.writer(part)) as stream:
                    yield stream
                replace(files, part, where)
        except BaseException:
            if (left := ends - time.monotonic()) > 0:
                with (
                    contextlib.suppress(HansaError),
                    self.session(min(left, self.config.timeout)) as files,
                ):
                    files.delete(part)
            raise

    def download(
        self,
        path: str,
        target: str | Path | BinaryIO,
        *,
        resume: bool = False,
        timeout: float | None = None,
    ) -> int:
        """Copy a file to a local path, where it appears whole or not at all, or into a file object; gives the bytes copied.

        `resume=True`, for a path: what an interrupted call has brought is kept beside it, and only the rest is fetched if the
        file on the server is still the same by size and time.
        """
        where = self.path(path)
        with self.session(timeout or self.config.transfer_timeout) as files:
            if not isinstance(target, str | Path):
                with reading(files.reader(where)) as stream:
                    return copy(stream, target)
            found = files.stat(where)
            local = Path(target)
            part = local.with_name(f".{local.name}.{found.size}-{found.modified:.0f}.part")
            have = part.stat().st_size if resume and part.exists() else 0
            try:
                if (got := fetch(files, where, part, found.size, have)) != found.size:
                    part.unlink()
                    raise Unavailable(f"{path} came with {got} bytes, and not {found.size}")
                os.replace(part, local)
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
        """Copy a local file, or what a file object still has, to the server; gives the bytes sent. One of that name is replaced.

        `resume=True`, for a path: what an interrupted call has sent stays on the server, and only the rest is sent by the next
        call for the same file, as told by its size and time.
        """
        if not isinstance(source, str | Path):
            with self.open(path, "wb", timeout=timeout) as stream:
                return copy(source, stream)
        with open(source, "rb") as file:
            if not resume:
                return self.upload(file, path, timeout=timeout)
            where, about = self.path(path), os.fstat(file.fileno())
            part = beside(where, f"{about.st_size:x}-{about.st_mtime_ns:x}")
            with self.session(timeout or self.config.transfer_timeout) as files:
                have = files.stat(part).size if exists(files, part) else 0
                file.seek(have)
                with writing(files.writer(part, have)) as stream:
                    sent = copy(file, stream)
                if (there := files.stat(part).size) != about.st_size:
                    files.delete(part)
                    raise Unavailable(
                        f"{path} has {there} bytes on the server, and not {about.st_size}"
                    )
                replace(files, part, where)
                return sent

    def rename(
        self, old: str, new: str, *, overwrite: bool = False, timeout: float | None = None
    ) -> None:
        """Rename or move a file or folder; raises `Conflict` if the new name is taken, unless it may be overwritten."""
        with self.session(timeout) as files:
            if not overwrite and exists(files, self.path(new)):
                raise Conflict(f"{new} exists")
            replace(files, self.path(old), self.path(new))

    def delete(self, path: str, *, timeout: float | None = None) -> None:
        """Delete a file."""
        with self.session(timeout) as files:
            files.delete(self.path(path))

    def make_folder(self, path: str, *, timeout: float | None = None) -> None:
        """Make a folder, and those above it; nothing happens if it is there."""
        with self.session(timeout) as files:
            make_folders(files, self.path(path))

    def remove_folder(self, path: str, *, timeout: float | None = None) -> None:
        """Remove an empty folder."""
        with self.session(timeout) as files:
            files.remove_folder(self.path(path))
