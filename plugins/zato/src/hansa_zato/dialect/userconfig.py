"""`self.user_config`: INI files named in the section `[zato]` of config.toml."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

from hansa import Unavailable

from ..bunch import Bunch

_read: dict[str, tuple[float, Bunch]] = {}


def user_config(server: Any) -> Bunch:
    """All files, by name, section and key; each is read again once it was changed. Raises `Unavailable` for one that is unreadable."""
    return Bunch(
        (name, _file(Path(server.dir) / path))
        for name, path in server.section("zato").user_config.items()
    )


def _file(path: Path) -> Bunch:
    try:
        changed = path.stat().st_mtime
        known = _read.get(str(path))
        if known is not None and known[0] == changed:
            return known[1]
        parser = configparser.ConfigParser(interpolation=None, strict=True)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except (OSError, configparser.Error) as error:
        raise Unavailable(f"the user configuration {path.name} cannot be read: {error}") from error
    found = Bunch((section, Bunch(parser.items(section))) for section in parser.sections())
    _read[str(path)] = (changed, found)
    return found
