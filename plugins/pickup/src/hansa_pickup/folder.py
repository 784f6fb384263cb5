"""One folder: what in it may be deployed, and reading that so that it is whole and really what is in the folder."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import signal
import stat
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from .archive import unpack

FILE = re.compile(r"[A-Za-z0-9_]{1,100}\.py")
FOLDER = re.compile(r"[A-Za-z0-9_]{1,100}")
ARCHIVE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.zip")
LIMIT = 1024 * 1024
MOST, LARGEST, DEEPEST = 1000, 4 * LIMIT, 10
"""Number and bytes of the Python files of one package or archive, and how deep its folders may go."""


class Refused(Exception):
    """A file or folder that is not trusted or not suitable; its text says why."""


class Busy(Exception):
    """A file that somebody is writing to."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file, a package or an archive holds: texts by path, and the paths left out; `modified` is the latest change."""

    files: dict[str, str]
    modified: float
    left_out: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """What differs when a text was changed."""
        return sha256(repr(sorted(self.files.items())).encode(errors="surrogatepass")).hexdigest()

    @property
    def version(self) -> tuple[str, float]:
        """What differs when a file was changed, or copied once more."""
        return self.digest, self.modified

    @property
    def packages(self) -> dict[str, dict[str, str]]:
        """The files by what is deployed as one: a file by itself, or a folder, with a / at its end."""
        found: dict[str, dict[str, str]] = {}
        for path, text in self.files.items():
            found.setdefault("".join(path.partition("/")[:2]), {})[path] = text
        return found


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
        raise Refused(
            f"may be written to by its group or by everybody; make it private with: chmod go-w {folder}"
        )


def hidden(name: str) -> bool:
    """Whether a name is nobody's business: what editors, version control and Python itself keep beside sources."""
    return name.startswith(".") or name == "__pycache__"


def candidates(folder: Path) -> list[str]:
    """The names in a folder that could be meant: what ends in .py or .zip, and packages; none that is hidden."""
    try:
        names = sorted(name for name in os.listdir(folder) if not hidden(name))
    except OSError:
        return []
    return [
        name
        for name in names
        if name.endswith((".py", ".zip")) or (folder / name / "__init__.py").exists()
    ]


def subfolders(folder: Path) -> list[Path]:
    """The folders below, of packages and of what could become one; links are not followed."""
    found: list[Path] = []
    for where, names, _ in os.walk(folder):
        deep = len(Path(where).relative_to(folder).parts)
        names[:] = (
            sorted(name for name in names if FOLDER.fullmatch(name) and not hidden(name))
            if deep < DEEPEST
            else []
        )
        found += [path for path in (Path(where, name) for name in names) if not path.is_symlink()]
    return found


def read(folder: Path, name: str) -> Content:
    """Read one file, package or archive; raises `Busy` while somebody writes to it, `Refused` if it is nothing for us, and
    `OSError` if it is gone.

    Everything is opened by its plain name below the opened folder and without following links, and judged by what was opened,
    so that nothing can be exchanged in between.
    """
    where = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if FILE.fullmatch(name):
            raw, modified = _read_file(where, name, LIMIT)
            return Content({name: decode(raw)}, modified)
        if ARCHIVE.fullmatch(name):
            raw, modified = _read_file(where, name, LARGEST)
            found, left_out = _chosen(unpack(raw))
            return Content({path: decode(raw) for path, raw in found.items()}, modified, left_out)
        if FOLDER.fullmatch(name) and stat.S_ISDIR(
            os.stat(name, dir_fd=where, follow_symlinks=False).st_mode
        ):
            return _read_package(where, name, shared=bool(os.fstat(where).st_mode & 0o011))
    except ValueError as error:
        raise Refused(str(error)) from None
    finally:
        os.close(where)
    raise Refused(
        "needs a name of letters, digits and _"
        + (" with the ending .py" if name.endswith(".py") else "")
    )


def decode(raw: bytes) -> str:
    """The text of a source; raises `Refused`."""
    try:
        return importlib.util.decode_source(raw)
    except SyntaxError as error:
        raise Refused(f"cannot be read as text: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise Refused(f"cannot be read as text: {error.reason} at byte {error.start}") from None


def _chosen(files: dict[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    seen = [
        path for path in files if not any(hidden(part) and part != ".." for part in path.split("/"))
    ]
    return {path: files[path] for path in seen if path.endswith(".py")}, [
        p for p in seen if not p.endswith(".py")
    ]


def _read_package(where: int, name: str, *, shared: bool) -> Content:
    """All of a package; in a folder that others can look into, none of its folders may be writable for others."""
    files: dict[str, str] = {}
    left_out: list[str] = []
    modified, size = 0.0, 0
    for inside, folders, names, opened in os.fwalk(name, dir_fd=where, follow_symlinks=False):
        state = os.fstat(opened)
        if shared and (
            state.st_uid not in (os.geteuid(), 0) or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        ):
            raise Refused(f"may be written to by others at {inside}")
        folders[:] = sorted(each for each in folders if not hidden(each))
        for each in sorted(names) + folders:
            path = f"{inside}/{each}"
            if hidden(each):
                continue
            if stat.S_ISLNK(os.stat(each, dir_fd=opened, follow_symlinks=False).st_mode):
                raise Refused(f"holds the link {path}")
            if each.endswith(".py") and each not in folders:
                try:
                    raw, changed = _read_file(opened, each, LIMIT)
                    files[path], modified, size = (
                        decode(raw),
                        max(modified, changed),
                        size + len(raw),
                    )
                except Refused as refused:
                    raise Refused(f"holds {path}, which {refused}") from None
            elif each not in folders:
                left_out.append(path)
            if len(files) > MOST or size > LARGEST or path.count("/") > DEEPEST:
                raise Refused(
                    f"has over {MOST} files or {LARGEST} bytes, or folders over {DEEPEST} deep"
                )
    if f"{name}/__init__.py" not in files:
        raise Refused("has no __init__.py, and so is no package")
    return Content(files, modified, left_out)


def _read_file(where: int, name: str, limit: int) -> tuple[bytes, float]:
    if stat.S_ISLNK(os.stat(name, dir_fd=where, follow_symlinks=False).st_mode):
        raise Refused("is a link")
    descriptor = os.open(
        name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=where
    )
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused("is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        if _being_written(descriptor):
            raise Busy
        before = os.fstat(descriptor)
        if before.st_size > limit:
            raise Refused(f"is over {limit} bytes")
        raw = file.read(limit + 1)
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(
        raw
    ) != after.st_size:
        raise Busy
    return raw, after.st_mtime


def _being_written(descriptor: int) -> bool:
    """Whether another descriptor is open for writing; False as well where the system cannot tell.

    Linux grants a read lease only on a file that nobody has open for writing. Until this descriptor is closed, some microseconds
    later, a writer who comes waits, and makes the kernel send a signal: SIGURG, which is ignored unless somebody wants it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def compiles(files: dict[str, str]) -> bool:
    """Whether texts are Python as far as their syntax goes; a file that was written half way mostly is not."""
    try:
        for path, text in files.items():
            compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
