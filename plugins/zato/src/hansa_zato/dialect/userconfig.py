"""`self.user_config`: INI files named in the section `[zato]` of config.toml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from configobj import ConfigObj, ConfigObjError  # type: ignore[import-untyped]
from hansa import Unavailable

from ..bunch import Bunch
from ..payloads import Value
from ..section import ZatoSection

if TYPE_CHECKING:
    from hansa import Server

_read: dict[Path, tuple[float, Bunch]] = {}
"""The files read so far, each with the time of its last change then."""


class Files(Bunch):
    """The files by name; says of one that is not there which setting names it."""

    def __getattr__(self, name: str) -> Value:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"self.user_config.{name} is not available: zato.user_config of config.toml names no"
                f' such file, as {{ {name} = "{name}.conf" }} does'
            ) from None


def user_config(server: Server) -> Files:
    """Return all files, by name, section and key; each is read again once it was changed.

    Raises `Unavailable` for one that cannot be read.
    """
    files = server.section(ZatoSection).user_config
    return Files((name, read_ini(Path(server.dir) / path)) for name, path in files.items())


def read_ini(path: Path) -> Bunch:
    """Return an INI file by section and key; raises `Unavailable` for one that cannot be read."""
    try:
        changed = path.stat().st_mtime
        kept = _read.get(path)
        if kept is not None and kept[0] == changed:
            return kept[1]
        lines = path.read_text(encoding="utf-8").splitlines()
        found = Bunch(_values(ConfigObj(lines, interpolation=False)))
    except (OSError, UnicodeDecodeError, ConfigObjError) as error:
        unavailable = Unavailable(f"the user configuration {path.name} cannot be read")
        unavailable.reason = f"{path}: {error}"  # for the log alone
        raise unavailable from error
    _read[path] = (changed, found)
    return found


def _values(section: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Return what a section holds: texts without their quotes, lists, and sections below it."""
    for name, value in section.items():
        yield name, Bunch(_values(value)) if isinstance(value, Mapping) else value
