"""Reads the configuration files of a server of Zato: what each setting becomes here."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Final

from ..payloads import PlainDict
from ..sio.naming import BOOL_PREFIXES, INT_NAMES, INT_SUFFIXES, SECRET_NAMES
from .ini import Entry, entries_of
from .lines import Line

_KNOWN: Final = {
    "integers": {*INT_NAMES, *INT_SUFFIXES["3.x"]},
    "booleans": set(BOOL_PREFIXES["3.x"]),
    "secrets": set(SECRET_NAMES),
}
"""What SimpleIO goes by, in the words of settings.toml."""
_SECRETS: Final = ("password", "secret", "token", "key")
"""Parts of the names of settings whose values are not shown."""
HIDDEN: Final = "..."
LONGEST_SHOWN: Final = 200
"""Characters of a value that a line shows."""
DEFAULT_FILES: Final = ("%(repo_dir)s/", "./")
"""How paths begin that are relative to the folder of the configuration."""


@cache
def table() -> PlainDict:
    """Return what becomes of each setting: by file, section and key."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def is_configuration(path: Path) -> bool:
    """Whether a file is one of a server's own."""
    return path.name in table()


def user_files(path: Path) -> list[Path]:
    """Return the files that a server.conf names for `self.user_config`."""
    if path.name != "server.conf":
        return []
    try:
        found = [entry.value for entry in entries_of(path) if entry.section == "user_config"]
    except (OSError, UnicodeDecodeError):
        return []
    return [path.parent.joinpath(_relative(value)) for value in found if value]


def _relative(value: str) -> str:
    for beginning in DEFAULT_FILES:
        value = value.removeprefix(beginning)
    return value


def read_settings(path: Path, shown: str) -> list[Line]:
    """Return the lines of a file; `shown` is its name in the report."""
    try:
        return [_line(path.name, entry, shown) for entry in entries_of(path)]
    except (OSError, UnicodeDecodeError) as error:
        return [Line(shown, 0, "missing", path.name, f"cannot be read: {error}")]


def _line(file: str, entry: Entry, shown: str) -> Line:
    subject = f"[{entry.section}] {entry.key}" if entry.section else entry.key
    row = _row(file, entry)
    if row is None:
        return Line(shown, entry.line, "differs", subject, "is not known here")
    if entry.value in row.get("quiet", ()):
        why = next((str(row[word]) for word in ("runs",) if word in row), "says nothing")
        return Line(shown, entry.line, "runs", subject, why)
    if "known" in row:
        return _naming(shown, entry, subject, str(row["known"]))
    if "runs" in row:
        return Line(shown, entry.line, "runs", subject, str(row["runs"]))
    if "missing" in row:
        return Line(shown, entry.line, "missing", subject, str(row["missing"]))
    why = f"becomes `{row['becomes']}`" if "becomes" in row else f"is {row['differs']}"
    return Line(shown, entry.line, "differs", subject, why, _written(row, entry))


def _written(row: PlainDict, entry: Entry) -> str:
    """Return what to write instead, with the value unless it is a secret."""
    is_secret = any(word in entry.key.lower() for word in _SECRETS)
    value = HIDDEN if is_secret else _relative(entry.value)[:LONGEST_SHOWN]
    text = str(row.get("write", ""))
    return text.replace("{value}", value).replace("{key}", entry.key)


def _naming(shown: str, entry: Entry, subject: str, kind: str) -> Line:
    """Return what becomes of names by which SimpleIO knows types."""
    names = [name.strip() for name in entry.value.split(",") if name.strip()]
    unknown = [name for name in names if name not in _KNOWN[kind]]
    if not unknown:
        return Line(shown, entry.line, "runs", subject, f"these are {kind} here, too")
    why = f"{', '.join(unknown)[:LONGEST_SHOWN]}: no names of {kind} here"
    return Line(shown, entry.line, "differs", subject, why, "declare the types, such as Int(NAME)")


def _row(file: str, entry: Entry) -> PlainDict | None:
    sections: PlainDict = table()[file]
    for section in _matching(sections, entry.section):
        keys: PlainDict = sections[section]
        for key in _matching(keys, entry.key):
            row: PlainDict = keys[key]
            return row
    return None


def _matching(names: PlainDict, wanted: str) -> Iterator[str]:
    """Return the patterns that a name is one of, in the order of the table: the special ones first."""
    return (pattern for pattern in names if fnmatchcase(wanted, pattern))
