"""`self.static_config`: texts of the files in the folder for static ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..section import ZatoSection

if TYPE_CHECKING:
    from hansa import Server


class StaticFiles:
    """Texts by file name: `["letter.html"]`, `.get("letter.html")`, or `.letter_html`.

    A file is read when it is asked for. Raises KeyError, or AttributeError, for one that is not
    there.
    """

    def __init__(self, server: Server) -> None:
        self._folder = Path(server.dir) / server.section(ZatoSection).static_dir

    def names(self) -> list[str]:
        """Return the names of all files."""
        if not self._folder.is_dir():
            return []
        return sorted(file.name for file in self._folder.iterdir() if file.is_file())

    def __getitem__(self, name: str) -> str:
        if name not in self.names():
            raise KeyError(f"there is no file {name!r} in {self._folder.name}, the zato.static_dir")
        return (self._folder / name).read_text(encoding="utf-8")

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return a text, or the default if there is no such file."""
        return self[name] if name in self.names() else default

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __getattr__(self, name: str) -> str:
        if not name.startswith("_"):
            for file in self.names():
                if re.sub(r"\W", "_", file) == name:
                    return self[file]
        raise AttributeError(f"zato.static_dir has no file whose name is like {name!r}")
