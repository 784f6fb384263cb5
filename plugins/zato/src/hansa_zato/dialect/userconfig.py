"""`self.user_config`: INI files named in the section `[zato]` of config.toml."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import TYPE_CHECKING

from hansa import Unavailable

from ..bunch import Bunch
from ..section import ZatoSection

if TYPE_CHECKING:
    from hansa import Server

_read: dict[Path, tuple[float, Bunch]] = {}
"""The files read so far, each with the time of its last change then."""


def user_config(server: Server) -> Bunch:
    """Return all files, by name, section and key; each is read again once it was changed.

    Raises `Unavailable` for one that cannot be read.
    """
    files = server.section(ZatoSection).user_config
    return Bunch((name, _read_file(Path(server.dir) / path)) for name, path in files.items())


def _read_file(path: Path) -> Bunch:
    try:
        changed = path.stat().st_mtime
        kept = _read.get(path)
        if kept is not None and kept[0] == changed:
            return kept[1]
        parser = configparser.ConfigParser(interpolation=None, strict=True)
        parser.optionxform = str  # type: ignore[assignment,method-assign] # keys keep their case
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except (OSError, configparser.Error) as error:
        raise Unavailable(f"the user configuration {path.name} cannot be read: {error}") from error
    found = Bunch((section, Bunch(parser.items(section))) for section in parser.sections())
    _read[path] = (changed, found)
    return found
