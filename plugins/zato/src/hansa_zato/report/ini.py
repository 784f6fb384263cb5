"""Reads INI files line by line, as those of Zato are: each value with its section and its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

LARGEST: Final = 1024 * 1024
"""Bytes of a file that is read."""

_TRIPLE: Final = ('"""', "'''")
_QUOTES: Final = (*_TRIPLE, '"', "'")
_COMMENT: Final = ("#", ";")


class Entry(NamedTuple):
    """One setting of a file."""

    section: str
    key: str
    value: str
    line: int


def entries_of(path: Path) -> Iterator[Entry]:
    """Return the settings of a file; raises OSError or UnicodeDecodeError if it cannot be read."""
    with path.open("rb") as file:
        text = file.read(LARGEST).decode("utf-8-sig")
    section, until = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if until:  # in a value of several lines
            until = "" if until in line else until
            continue
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped.lstrip("[").partition("]")[0].strip()
            continue
        name, equals, value = (part.strip() for part in stripped.partition("="))
        if not name or not equals or name.startswith(_COMMENT):
            continue
        until = next((one for one in _TRIPLE if value.count(one) == 1), "")
        yield Entry(section, name, _plain(value), number)


def _plain(text: str) -> str:
    """Return a value without its quotes, and without a comment behind it."""
    for quote in _QUOTES:
        if not text.startswith(quote):
            continue
        value, closed, rest = text[len(quote) :].partition(quote)
        if closed and (not rest.strip() or rest.lstrip().startswith(_COMMENT)):
            return value
    return re.split(r"\s[#;]", text, maxsplit=1)[0].strip()
