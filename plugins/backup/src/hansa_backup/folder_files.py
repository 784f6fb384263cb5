"""Which files of a cluster's folder are in a backup: all that nothing else makes anew."""

from __future__ import annotations

import io
import os
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from hansa_quickstart.component import Component
from hansa_quickstart.failure import Failure
from hansa_quickstart.place import Place, home_of

from .archive import FILES

_LEFT_OUT: Final = frozenset({"run", "logs", "__pycache__", ".git", ".venv", "pidfile", ".lock"})
"""Names of what is made anew when a component starts, or is no part of it."""
_VALKEY: Final = "valkey"
"""The folder of an embedded Valkey, of which only the password is kept: its data is copied."""


class FolderFiles:
    """The files of a place that are kept, and `warnings` about those that are named and are not
    in its folder.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._folder = place.folder
        self._odb = _of_sqlite(place.odb_file)
        self.warnings: list[str] = []

    def members(self) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
        """Yield each as a member of the archive, with its content if it is a file."""
        for path in sorted(self._paths()):
            info = _information(path, FILES + str(path.relative_to(self._folder)))
            if info is None:
                continue
            if info.issym() and not self._lead_inside(path, info):
                self.warnings.append(f"{path} leads to {info.linkname}, which is in no backup")
                continue
            if not info.isreg():
                yield info, None
                continue
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue  # it has ended meanwhile
            except OSError as error:
                raise Failure(f"{path} cannot be read: {error.strerror}") from None
            info.size = len(content)
            yield info, io.BytesIO(content)

    def _lead_inside(self, path: Path, info: tarfile.TarInfo) -> bool:
        """Whether a link leads to what is in the folder; it is told as one that is not absolute."""
        target = Path(os.path.normpath(path.parent / info.linkname))
        if not target.is_relative_to(self._folder):
            return False
        info.linkname = os.path.relpath(target, path.parent)
        return True

    def _paths(self) -> set[Path]:
        found: set[Path] = set()
        if self._place.first.exists:
            found.update(self._below(self._folder))
        else:
            found.update(self._of_server(self._place.first))
        for server in self._place.servers:
            self._note_outside(server)
        return found

    def _of_server(self, server: Component) -> Iterator[Path]:
        """Yield what belongs to a server whose folder may hold anything."""
        yield server.config
        lock = server.folder / "plugins.lock"
        if lock.exists():
            yield lock
        home = home_of(server)
        if home.is_relative_to(self._folder):
            yield from self._below(home)
        else:
            self.warnings.append(f"{home} is not in {self._folder}: its files are left out")
        for path in _named(server):
            if path.is_relative_to(self._folder) and path.is_file():
                yield path

    def _note_outside(self, server: Component) -> None:
        for path in _named(server):
            outside = not path.is_relative_to(self._folder)
            warning = f"{server.config} names {path}, which is in no backup"
            if (
                outside
                and path.is_file()
                and path not in self._odb
                and warning not in self.warnings
            ):
                self.warnings.append(warning)

    def _below(self, folder: Path) -> Iterator[Path]:
        for where, folders, files in os.walk(folder):
            here = Path(where)
            folders[:] = sorted(one for one in folders if one not in _LEFT_OUT)
            if here.name == _VALKEY:
                folders.clear()
                files = [one for one in files if one == "password"]
            if here != self._folder:
                yield here
            for name in (*files, *(one for one in folders if (here / one).is_symlink())):
                path = here / name
                if name not in _LEFT_OUT and path not in self._odb:
                    yield path


def _of_sqlite(file: Path | None) -> set[Path]:
    """Return the files of an SQLite database, which is copied row by row."""
    if file is None:
        return set()
    return {file.with_name(file.name + ending) for ending in ("", "-wal", "-shm", "-journal")}


def _information(path: Path, name: str) -> tarfile.TarInfo | None:
    """Return what an archive says of a path; None for what is no file, folder or symbolic link."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    info = tarfile.TarInfo(name)
    info.mode = found.st_mode & 0o777
    info.mtime = int(found.st_mtime)
    if path.is_symlink():
        info.type = tarfile.SYMTYPE
        info.linkname = os.readlink(path)
    elif path.is_dir():
        info.type = tarfile.DIRTYPE
    elif not path.is_file():
        return None
    return info


def _named(server: Component) -> Iterator[Path]:
    """Yield the paths that a configuration may name, whatever is there."""
    try:
        content = tomllib.loads(server.config.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        content = server.raw()
    for text in _texts(content):
        if "/" in text or "." in text:
            yield (server.folder / text).resolve()


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        if "\0" not in content and "\n" not in content and len(content) < 4096:
            yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)
