"""Definitions that work with remote files: where these are, and the pool of connections to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

from hansa import Definition, Invalid, Model, Unavailable, setting

from .files import FileSystem, is_clean
from .pool import Pool
from .remedies import CHECK_ADDRESS


class LocationSettings(Model):
    """Folder.

    Settings of all that reads or writes remote files.
    """

    folder: Annotated[
        str,
        setting(
            "Folder on the server that all paths are below; empty for the one after login",
            example="/in",
        ),
    ] = ""
    timeout: Annotated[
        float,
        setting(
            "Time limit of a call in seconds, connecting included, and of a silence of the server",
            gt=0,
        ),
    ] = 30.0
    transfer_timeout: Annotated[
        float,
        setting("Time limit of a call that transfers the content of a file, in seconds", gt=0),
    ] = 600.0


LocationT = TypeVar("LocationT", bound=LocationSettings)


class FileConnections(Definition[LocationT]):
    """Mixed into channels and outgoing connections to remote files.

    A subclass defines `file_system`.
    """

    pool: Pool[FileSystem] | None = None

    def file_system(self) -> FileSystem:
        """Return a connection that is not open yet."""
        raise NotImplementedError

    @property
    def silence(self) -> str:
        """What to change when a server does not answer to be connected to."""
        return CHECK_ADDRESS

    def pool_size(self) -> int:
        """Return the maximum number of connections."""
        return 1

    def connect(self) -> None:
        """Open a first connection; raises if that fails."""
        self.pool = Pool(
            f"{self.kind} {self.type} {self.name!r}",
            self.file_system,
            limit=self.pool_size(),
            timeout=self.config.timeout,
            lost=self.lost,
            silence=self.silence,
        )
        self.pool.start()

    def disconnect(self) -> None:
        """Close all connections, from any thread; may be called more than once."""
        if self.pool is not None:
            self.pool.close()

    @contextmanager
    def session(self, timeout: float | None = None) -> Iterator[FileSystem]:
        """Lend a connection for steps that share one time limit, in seconds.

        By default the setting `timeout`.
        """
        if self.pool is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not started")
        with self.pool.use(timeout) as files:
            yield files

    def path(self, path: str) -> str:
        """Return where a path below the folder is on the server.

        Raises `Invalid` for one that leads out of it.
        """
        return path_below(self.config.folder, path)


def path_below(folder: str, path: str) -> str:
    """Return a path below a folder.

    Raises `Invalid` for one with `..` or control characters in it.
    """
    if not is_clean(path) or ".." in path.replace("\\", "/").split("/"):
        raise Invalid({"path": f"{path!r} must have no control characters and no .. in it"})
    if not folder:
        return path or "."
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/".join([folder.rstrip("/"), *parts]) or "/"
