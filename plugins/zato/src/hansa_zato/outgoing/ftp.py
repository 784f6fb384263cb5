"""One outgoing FTP or SFTP connection as services of the Zato dialect use it: a file system in the manner of PyFilesystem."""

from __future__ import annotations

import io
import logging
import posixpath
import tempfile
from datetime import UTC, datetime
from fnmatch import fnmatch
from typing import Any

from hansa import Conflict, NotFound

log = logging.getLogger("hansa.zato.outgoing")
IN_MEMORY = 1024 * 1024


class FTPConnection:
    """Files by path; what Hansa's own connection offers besides can be called too. Errors are those of Hansa."""

    def __init__(self, entry: Any) -> None:
        self._entry = entry

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry.live(), name)

    def open(self, path: str, mode: str = "r", encoding: str = "utf-8", **ignored: Any) -> Any:
        """A file with one of the modes r, rb, w, wb, a, ab; what was written is there once it is closed."""
        live, kind = self._entry.live(), mode.replace("b", "").replace("t", "")
        if kind not in ("r", "w", "a"):
            raise ValueError(f"the mode {mode!r} is none of r, w and a, with or without b")
        content: Any = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller closes it
        if kind == "r" or (kind == "a" and live.exists(path)):
            live.download(path, content)
        content.seek(0, io.SEEK_END if kind == "a" else io.SEEK_SET)
        if kind != "r":
            content = _Upload(content, live, path)
        return content if "b" in mode else _Text(content, encoding, newline="")

    def getcontents(
        self, path: str, mode: str = "rb", encoding: str = "utf-8", **ignored: Any
    ) -> Any:
        """The content of a file, as text for mode r."""
        content = self._entry.live().read(path)
        return content if "b" in mode else content.decode(encoding)

    def setcontents(
        self, path: str, data: Any = b"", encoding: str = "utf-8", **ignored: Any
    ) -> None:
        """Write bytes, text, or what a file object has."""
        data = data.encode(encoding) if isinstance(data, str) else data
        live = self._entry.live()
        live.upload(data, path) if hasattr(data, "read") else live.write(path, data)

    def listdir(
        self,
        path: str = "",
        wildcard: str | None = None,
        full: bool = False,
        absolute: bool = False,
        dirs_only: bool = False,
        files_only: bool = False,
    ) -> list[str]:
        """The names in a folder; with their path if `full` or `absolute`."""
        path = "" if path in ("./", ".") else path
        only = "folder" if dirs_only else "file" if files_only else ""
        found = [entry for entry in self._entry.live().list(path) if not only or entry.kind == only]
        names = [entry.name for entry in found if wildcard is None or fnmatch(entry.name, wildcard)]
        if full or absolute:
            names = [
                posixpath.join("/" if absolute else "", path.strip("/"), name) for name in names
            ]
        return names

    def isdir(self, path: str) -> bool:
        """Whether it is a folder."""
        return self._is(path, "folder")

    def isfile(self, path: str) -> bool:
        """Whether it is a file."""
        return self._is(path, "file")

    def getinfo(self, path: str) -> dict[str, Any]:
        """Its `size` in bytes and `modified_time` (UTC)."""
        found = self._entry.live().stat(path)
        modified = datetime.fromtimestamp(found.modified, UTC).replace(tzinfo=None)
        return {"size": found.size, "modified_time": modified}

    def getsize(self, path: str) -> int:
        """Its size in bytes."""
        return int(self._entry.live().stat(path).size)

    def makedir(self, path: str, recursive: bool = False, allow_recreate: bool = False) -> None:
        """Make a folder; raises `Conflict` if it is there, unless that is allowed."""
        live = self._entry.live()
        if not allow_recreate and live.exists(path):
            raise Conflict(f"{path} exists")
        if (
            not recursive
            and (parent := posixpath.dirname(path.rstrip("/")))
            and not live.exists(parent)
        ):
            raise NotFound(f"there is no {parent}")
        live.make_folder(path)

    def remove(self, path: str) -> None:
        """Delete a file."""
        self._entry.live().delete(path)

    def removedir(self, path: str, recursive: bool = False, force: bool = False) -> None:
        """Remove a folder, an empty one unless `force`."""
        live = self._entry.live()
        for entry in live.list(path) if force else ():
            inner = posixpath.join(path, entry.name)
            self.removedir(inner, force=True) if entry.kind == "folder" else live.delete(inner)
        live.remove_folder(path)

    def move(self, src: str, dst: str, overwrite: bool = False, **ignored: Any) -> None:
        """Move a file; raises `Conflict` if there is one with the new name, unless it may be overwritten."""
        self._entry.live().rename(src, dst, overwrite=overwrite)

    def rename(self, src: str, dst: str, **ignored: Any) -> None:
        """Rename a file or folder."""
        self._entry.live().rename(src, dst)

    def copy(self, src: str, dst: str, overwrite: bool = False, **ignored: Any) -> None:
        """Copy a file; raises `Conflict` like `move`."""
        live = self._entry.live()
        if not overwrite and live.exists(dst):
            raise Conflict(f"{dst} exists")
        with self.open(src, "rb") as file:
            live.upload(file, dst)

    def close(self) -> None:
        """Nothing: connections go back to their pool after each call."""

    def _is(self, path: str, kind: str) -> bool:
        try:
            return bool(self._entry.live().stat(path).kind == kind)
        except NotFound:
            return False


class _Upload(io.BufferedIOBase):
    """A temporary file that is uploaded when it is closed; not if the block that writes it raises, and not if nobody closes it."""

    def __init__(self, content: Any, live: Any, path: str) -> None:
        self._content, self._live, self._path, self.complete = content, live, path, True

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return int(self._content.write(data))

    def close(self) -> None:
        if not self.closed:
            try:
                if self.complete:
                    self._content.seek(0)
                    self._live.upload(self._content, self._path)
            finally:
                super().close()
                self._content.close()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.complete = kind is None
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            log.warning("%s was not closed, so it is not uploaded", self._path)
            self.complete = False
            self.close()


class _Text(io.TextIOWrapper):
    """The same for text."""

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(self.buffer, _Upload):
            self.buffer.complete = kind is None
        self.close()

    def __del__(self) -> None:
        if not self.closed and isinstance(self.buffer, _Upload):
            self.buffer.__del__()
