"""Secrets of a place, and texts and settings with a mask in their place."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from hansa import mask_secrets, resolve
from hansa_quickstart.component import Component
from hansa_quickstart.place import Place, home_of

from .examinations.permissions import secret_files

MASK: Final = "********"
SHORTEST: Final = 4
"""Characters of a secret that is looked for in texts."""
_NAMES: Final = re.compile(
    r"passw|passphrase|secret|token|key|credential|authorization|cookie|\bpin\b|\bhash\b",
    re.IGNORECASE,
)
"""Names of settings whose values are never shown."""
_PASSWORD: Final = re.compile(r"://[^\s/:@]*:([^\s/@]+)@")
_HASHED: Final = re.compile(r"^\$\w+\$|^pbkdf2|^scrypt", re.IGNORECASE)


class Mask:
    """Knows the secrets of a place, and puts a mask in their place."""

    def __init__(self, place: Place) -> None:
        found = {one.strip() for one in _secrets_of(place)}
        known = {one for one in found if len(one) >= SHORTEST}
        # the longest first: one may be a part of another
        ordered = sorted(known | {unquote(one) for one in known}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return mask_secrets(text)

    def value(self, value: object, name: str = "") -> object:
        """Return settings without secrets: those that are known, and whatever has a name like one."""
        if isinstance(value, dict):
            if len(value) == 1 and str(next(iter(value))).startswith("$"):
                return _reference(value)
            return {str(key): self.value(inner, str(key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(one, name) for one in value]
        if isinstance(value, str):
            is_secret = _NAMES.search(name) or _HASHED.search(value)
            return MASK if value and is_secret else self.text(value)
        return value


def _reference(value: dict[object, object]) -> object:
    """Return a reference such as `{"$env": "NAME"}` as it is, and what is encrypted as a mask."""
    name = str(next(iter(value)))
    return value if name in ("$env", "$file") else {name: MASK}


def _secrets_of(place: Place) -> Iterator[str]:
    folders = {place.folder, *(home_of(server) for server in place.servers)}
    if place.first.exists and place.first.home.exists:
        home = place.first.home
        folders |= {home.folder, *(part.folder for part in home.parts)}
    for folder in folders:
        for path in secret_files(folder):
            if path.suffix != ".toml" and ".sqlite" not in path.name and path.is_file():
                yield from _of_file(path.read_text(errors="replace"))
    for server in place.servers:
        yield from _of_settings(_resolved(server), "")
    for name, value in os.environ.items():
        if name.startswith("HANSA_") and _NAMES.search(name):
            yield value


def _of_file(text: str) -> Iterator[str]:
    """Yield the lines of a file with secrets, and its parts: keys, and passwords of addresses."""
    for line in text.splitlines():
        if not line.startswith("-----"):
            yield line
            yield from line.split(",")
            yield from _PASSWORD.findall(line)


def _resolved(server: Component) -> object:
    """Return the settings of a server with what references lead to, as far as that is there."""
    found: dict[str, object] = {}
    for name, section in server.raw().items():
        try:
            found[name] = resolve(section)
        except Exception:  # a reference that leads nowhere is the doctor's finding
            found[name] = section
    return found


def _of_settings(value: object, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _of_settings(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _of_settings(inner, name)
    elif isinstance(value, str):
        yield from _PASSWORD.findall(value)
        if _NAMES.search(name) and not name.startswith("$"):
            yield value
            yield value.rpartition(" ")[2]  # of a header, such as Bearer TOKEN
