"""One folder: which of its files may be deployed, and reading one so that it is whole and really the one in the folder."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import signal
import stat
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9_]{1,100}\.py")
LIMIT = 1024 * 1024


class Refused(Exception):
    """A file or folder that is not trusted or not suitable; its text says why."""


class Busy(Exception):
    """A file that somebody is writing to."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: its text, and the SHA-256 of that text; `modified` is its time of change in Unix seconds."""

    text: str
    digest: str
    modified: float

    @property
    def version(self) -> tuple[str, float]:
        """What differs when a file was changed, or copied once more."""
        return self.digest, self.modified


def check_folder(folder: Path) -> None:
    """Refuse a folder in which somebody else could write; raises `Refused`."""
    try:
        found = folder.lstat()
    except OSError as error:
        raise Refused(f"cannot be looked into: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise Refused("is a link" if stat.S_ISLNK(found.st_mode) else "is not a folder")
    if found.st_uid not in (os.geteuid(), 0):
        raise Refused("belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(f"may be written to by its group or by everybody; make it private with: chmod go-w {folder}")


def candidates(folder: Path) -> list[str]:
    """The names in a folder that could be meant as services: all that end in .py and are not hidden."""
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(".py") and not name.startswith("."))
    except OSError:
        return []


def read(folder: Path, name: str) -> Content:
    """Read one file; raises `Busy` while somebody writes to it, `Refused` if it is no file for us, `OSError` if it is gone.

    The file is opened by its plain name below the opened folder and without following links, and judged by what was opened, so
    that neither can be exchanged in between.
    """
    if not NAME.fullmatch(name):
        raise Refused("needs a name of letters, digits and _ with the ending .py")
    where = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if stat.S_ISLNK(os.stat(name, dir_fd=where, follow_symlinks=False).st_mode):
            raise Refused("is a link")
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=where)
    finally:
        os.close(where)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused("is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if before.st_size > LIMIT:
            raise Refused(f"is over {LIMIT} bytes")
        if _being_written(descriptor):
            raise Busy
        raw = file.read(LIMIT + 1)
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(raw) != after.st_size:
        raise Busy
    try:
        text = importlib.util.decode_source(raw)
    except SyntaxError as error:
        raise Refused(f"cannot be read as text: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise Refused(f"cannot be read as text: {error.reason} at byte {error.start}") from None
    return Content(text, sha256(text.encode()).hexdigest(), after.st_mtime)


def _being_written(descriptor: int) -> bool:
    """Whether another descriptor is open for writing; False as well where the system cannot tell.

    Linux grants a read lease only on a file that nobody has open for writing. While it is held, for some microseconds, a writer
    who comes makes the kernel send a signal: SIGURG, which is ignored unless somebody wants it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def compiles(text: str, name: str) -> bool:
    """Whether a text is Python as far as its syntax goes; a file that was written half way mostly is not."""
    try:
        compile(text, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
