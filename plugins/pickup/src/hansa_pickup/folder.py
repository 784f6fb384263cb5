"""One folder: what in it may be deployed, and reading that so that it is whole and really what is
in the folder.
"""

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

FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}\.py")
FOLDER = re.compile(r"[A-Za-z0-9_]{1,100}")
ARCHIVE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.zip")
LIMIT = 1024 * 1024
"""Bytes of one file."""
MAX_FILES = 1000
"""Python files of one package or archive."""
MAX_SIZE = 4 * LIMIT
"""Bytes of all Python files of one package or archive."""
MAX_DEPTH = 10
"""Depth of the folders of one package."""


class Unsuitable(Exception):
    """A file or folder that is not trusted or not suitable; its text says why."""


class Busy(Exception):
    """A file that somebody is writing to."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file, a package or an archive holds: texts by path, and the paths left out; `modified`
    is the latest change.
    """

    files: dict[str, str]
    modified: float
    left_out: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """A digest of the texts."""
        return sha256(repr(sorted(self.files.items())).encode(errors="surrogatepass")).hexdigest()

    @property
    def version(self) -> tuple[str, float]:
        """What differs once a file was changed, or copied again."""
        return self.digest, self.modified

    @property
    def packages(self) -> dict[str, dict[str, str]]:
        """The files by what is deployed as one: a file by itself, or a folder, with a / at its end."""
        found: dict[str, dict[str, str]] = {}
        for path, text in self.files.items():
            found.setdefault("".join(path.partition("/")[:2]), {})[path] = text
        return found


def check_folder(folder: Path) -> None:
    """Raise `Unsuitable` for a folder in which somebody else could write."""
    try:
        found = folder.lstat()
    except OSError as error:
        raise Unsuitable(f"cannot be looked into: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise Unsuitable("is a link" if stat.S_ISLNK(found.st_mode) else "is not a folder")
    if found.st_uid not in (os.geteuid(), 0):
        raise Unsuitable("belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unsuitable(
            f"may be written to by its group or by everybody; make it private with: chmod go-w {folder}"
        )


def hidden(name: str) -> bool:
    """Whether a name is ignored: what editors, version control and Python itself keep beside
    sources.
    """
    return name.startswith(".") or name == "__pycache__"


def candidates(folder: Path) -> list[str]:
    """Return the names in a folder that may be deployed: what ends in .py or .zip, and packages;
    none that is hidden.
    """
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
    """Return the folders below, of packages and of what could become one; links are not followed."""
    found: list[Path] = []
    for where, names, _ in os.walk(folder):
        depth = len(Path(where).relative_to(folder).parts)
        below = [name for name in names if FOLDER.fullmatch(name) and not hidden(name)]
        names[:] = sorted(below) if depth < MAX_DEPTH else []
        for name in names:
            path = Path(where, name)
            if not path.is_symlink():
                found.append(path)
    return found


def read(folder: Path, name: str) -> Content:
    """Read one file, package or archive.

    Raises `Busy` while somebody writes to it, `Unsuitable` if it cannot be deployed, and `OSError`
    if it is gone.

    Everything is opened by its plain name below the opened folder and without following links, and
    judged by what was opened, so that nothing can be exchanged in between.
    """
    where = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if FILE.fullmatch(name):
            raw, modified = _read_file(where, name, LIMIT)
            return Content({name: decode(raw)}, modified)
        if ARCHIVE.fullmatch(name):
            raw, modified = _read_file(where, name, MAX_SIZE)
            found, left_out = _chosen(unpack(raw))
            return Content({path: decode(raw) for path, raw in found.items()}, modified, left_out)
        if FOLDER.fullmatch(name) and stat.S_ISDIR(
            os.stat(name, dir_fd=where, follow_symlinks=False).st_mode
        ):
            return _read_package(where, name, shared=bool(os.fstat(where).st_mode & 0o011))
    except ValueError as error:
        raise Unsuitable(str(error)) from None
    finally:
        os.close(where)
    if name.endswith(".py"):
        raise Unsuitable(
            "needs a name of letters, digits, _, -, dots and spaces, which begins with one of "
            "the first three, with the ending .py"
        )
    raise Unsuitable("needs a name of letters, digits and _")


def decode(raw: bytes) -> str:
    """Return the text of a source; raises `Unsuitable`."""
    try:
        return importlib.util.decode_source(raw)
    except SyntaxError as error:
        raise Unsuitable(f"cannot be read as text: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise Unsuitable(f"cannot be read as text: {error.reason} at byte {error.start}") from None


def _chosen(files: dict[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    """Return the Python files of an archive, and the paths left out; hidden ones are in neither."""
    chosen: dict[str, bytes] = {}
    left_out: list[str] = []
    for path, raw in files.items():
        if any(hidden(part) and part != ".." for part in path.split("/")):
            continue
        if path.endswith(".py"):
            chosen[path] = raw
        else:
            left_out.append(path)
    return chosen, left_out


class _PackageReader:
    """What is read of one package, checked against the limits as it grows."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.left_out: list[str] = []
        self.modified = 0.0
        self.size = 0

    def take(self, opened: int, path: str, *, is_folder: bool) -> None:
        """Read a Python file, and note any other; `opened` is its folder. Raises `Unsuitable`."""
        name = path.rpartition("/")[2]
        if _is_link(opened, name):
            raise Unsuitable(f"holds the link {path}")
        if not is_folder:
            if name.endswith(".py"):
                self._read(opened, path, name)
            else:
                self.left_out.append(path)
        too_many = len(self.files) > MAX_FILES or self.size > MAX_SIZE
        if too_many or path.count("/") > MAX_DEPTH:
            raise Unsuitable(
                f"has over {MAX_FILES} files or {MAX_SIZE} bytes, or folders over {MAX_DEPTH} deep"
            )

    def _read(self, opened: int, path: str, name: str) -> None:
        try:
            raw, changed = _read_file(opened, name, LIMIT)
            self.files[path] = decode(raw)
        except Unsuitable as unsuitable:
            raise Unsuitable(f"holds {path}, which {unsuitable}") from None
        self.modified = max(self.modified, changed)
        self.size += len(raw)


def _read_package(where: int, name: str, *, shared: bool) -> Content:
    """Read all of a package; in a folder that others can look into, none of its folders may be
    writable for others.
    """
    reader = _PackageReader()
    for inside, folders, names, opened in os.fwalk(name, dir_fd=where, follow_symlinks=False):
        if shared and _writable_for_others(os.fstat(opened)):
            raise Unsuitable(f"may be written to by others at {inside}")
        folders[:] = sorted(each for each in folders if not hidden(each))
        for each in sorted(names):
            if not hidden(each):
                reader.take(opened, f"{inside}/{each}", is_folder=False)
        for each in folders:
            reader.take(opened, f"{inside}/{each}", is_folder=True)
    if f"{name}/__init__.py" not in reader.files:
        raise Unsuitable("has no __init__.py, and so is no package")
    return Content(reader.files, reader.modified, reader.left_out)


def _writable_for_others(state: os.stat_result) -> bool:
    foreign = state.st_uid not in (os.geteuid(), 0)
    return foreign or bool(state.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _is_link(opened: int, name: str) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=opened, follow_symlinks=False).st_mode)


def _read_file(where: int, name: str, limit: int) -> tuple[bytes, float]:
    """Return the bytes of a file and when it was changed; raises `Busy`, `Unsuitable` and OSError."""
    if _is_link(where, name):
        raise Unsuitable("is a link")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=where)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unsuitable("is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        if _being_written(descriptor):
            raise Busy
        before = os.fstat(descriptor)
        if before.st_size > limit:
            raise Unsuitable(f"is over {limit} bytes")
        raw = file.read(limit + 1)
        after = os.fstat(descriptor)
    changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
    if changed or len(raw) != after.st_size:
        raise Busy
    return raw, after.st_mtime


def _being_written(descriptor: int) -> bool:
    """Whether another descriptor is open for writing; False as well where the system cannot tell.

    Linux grants a read lease only on a file that nobody has open for writing. Until this descriptor
    is closed, some microseconds later, a writer who comes waits, and makes the kernel send a
    signal: SIGURG, which is ignored unless somebody wants it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False  # this file system has no leases
    return False


def compiles(files: dict[str, str]) -> bool:
    """Whether texts are Python as far as their syntax goes; a file that was written half way mostly
    is not.
    """
    try:
        for path, text in files.items():
            compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
