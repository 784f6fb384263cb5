"""Files that are replaced as a whole: a reader sees the old content or the new, never a part, also
after a crash.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from pathlib import Path

log = logging.getLogger("hansa.files")


def replace_file(
    path: Path, content: str | bytes, *, mode: int = 0o600, durable: bool = False
) -> None:
    """Put `content` in the place of a file, or make it, with these permission bits; makes its
    folder (mode 0700).

    With `durable` the file and its name are on disk when this returns. Raises OSError; the old file
    is then untouched.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = _write_beside(path, content, mode, durable)
    try:
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def create_file(path: Path, content: str | bytes, *, mode: int = 0o600) -> bool:
    """Make a file with this content unless there is one; returns whether it was made. Of several at
    once, one makes it.

    Nobody reads half of it: it gets its name when it is whole. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return False
    fresh = _write_beside(path, content, mode, durable=False)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink(missing_ok=True)
    return True


class StatusFile:
    """A file that reports how something stands, replaced as a whole. A full disk delays it: what
    could not be written is logged once, and written by `catch_up`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: str | None = None
        self._logged = False

    def write(self, content: str) -> None:
        """Write this content, or have it wait for `catch_up`."""
        self._waiting = content
        self.catch_up()

    def catch_up(self) -> None:
        """Write what waits, if anything does and it can be written now."""
        if self._waiting is None:
            return
        try:
            replace_file(self.path, self._waiting)
        except OSError as error:
            if not self._logged:
                log.warning("%s cannot be written now, and is later: %s", self.path, error.strerror)
            self._logged = True
            return
        self._waiting = None
        self._logged = False

    def remove(self) -> None:
        """Remove the file, and forget what waits."""
        self._waiting = None
        self.path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_beside(path: Path, content: str | bytes, mode: int, durable: bool) -> Path:
    """Write a new file in the same folder, under a name of its own."""
    data = content.encode() if isinstance(content, str) else content
    fresh = path.with_name(f".{path.name[:200]}.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(fresh, flags, mode)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    return fresh
