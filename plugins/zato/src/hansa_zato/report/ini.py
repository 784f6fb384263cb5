"""Reads INI files line by line, as those of Zato are: each value with its section and its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

LARGEST: Final = 1024 * 1024
"""Bytes of a file that is read."""

_SECTION: Final = re.compile(r"\s*\[+\s*([^\]\[]+?)\s*\]+\s*(?:[#;].*)?$")
_ENTRY: Final = re.compile(r"\s*([^#;=\[][^=]*?)\s*=\s*(.*?)\s*$")
_QUOTED: Final = re.compile(r"(\"\"\"|'''|\"|')(.*?)\1\s*(?:[#;].*)?$")
_TRIPLE: Final = ('"""', "'''")


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
        found = _SECTION.match(line)
        if found:
            section = found[1]
            continue
        found = _ENTRY.match(line)
        if found is None:
            continue
        until = next((one for one in _TRIPLE if found[2].count(one) == 1), "")
        yield Entry(section, found[1], _plain(found[2]), number)


def _plain(text: str) -> str:
    """Return a value without its quotes, and without a comment behind it."""
    found = _QUOTED.match(text)
    if found:
        return found[2]
    return re.split(r"\s[#;]", text, maxsplit=1)[0].strip()
