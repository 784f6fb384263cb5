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
    r"passw|passphrase|secret|token|key|credential|authorization|cookie|\bpin\b|\bhash\b"
    r"|pwd|private|signature|(?:^|_)pw(?:$|_)|(?:^|_)sas(?:$|_)",
    re.IGNORECASE,
)
"""Names of settings whose values are never shown."""
_PASSWORD: Final = re.compile(r"://[^\s/:@]*:([^\s/@]+)@")
_IN_TEXTS: Final = re.compile(
    # of a URL: a name alone, and a password with all that it may hold; not a port
    r"(?P<before>://)[^\s/:@\"'<>]{1,500}(?=@)"
    r"|(?P<login>://[^\s/:@\"'<>]*:)(?!\d+(?:[/\s\"']|$))[^\s\"'<>]{1,500}(?=@)"
    # of a query, and of a text of pairs such as ODBC and Azure have it
    r"|(?P<pair>(?:\bpwd|passphrase|accountkey|sharedaccesskey|signature|\bsig)\s*=\s*)[^\s;&,\"']+"
    # of a command line, and of HAProxy
    r"|(?P<option>--?[\w-]{0,40}(?:passw|passphrase|secret|token|pwd)[\w-]{0,40}[= ]\s*)[^\s\"',]+"
    r"|(?P<stats>\bstats\s+auth\s+[^\s:]+:)\S+"
    r"|(?P<pem>-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|\Z)",
    re.IGNORECASE | re.DOTALL,
)
"""What looks like a secret in a text, beyond what logs mask."""
_OPTION: Final = re.compile(r"-[\w-]+")
_SECRET_WORD: Final = re.compile(r"passw|passphrase|secret|token|pwd", re.IGNORECASE)
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
        return mask_secrets(_IN_TEXTS.sub(_masked, text))

    def value(self, value: object, name: str = "") -> object:
        """Return settings without secrets: those that are known, and whatever has a name like one."""
        if isinstance(value, dict):
            if len(value) == 1 and str(next(iter(value))).startswith("$"):
                return _reference(value)
            return {
                str(key): self.value(inner, _name_of(value, str(key)))
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [
                self.value(one, name if before is None else before)
                for before, one in zip(_options(value), value, strict=True)
            ]
        if isinstance(value, str):
            is_secret = _NAMES.search(name) or _HASHED.search(value)
            return MASK if value and is_secret else self.text(value)
        return value


def _masked(match: re.Match[str]) -> str:
    return str(match[str(match.lastgroup)]) + MASK


def _name_of(pair: dict[object, object], key: str) -> str:
    """Return the name of a value; of a pair such as `{"name": "Authorization", "value": "..."}` it is
    the one that the pair gives.
    """
    given = pair.get("name", pair.get("key"))
    if key == "value" and isinstance(given, str):
        return given
    return "" if key == "key" and "value" in pair else key


def _options(values: list[object]) -> list[str | None]:
    """Return for each element of a command line the option before it, if that is one of a secret."""
    found: list[str | None] = [None]
    for one in values:
        found.append(one if isinstance(one, str) and _names_secret(one) else None)
    return found[: len(values)]


def _names_secret(word: str) -> bool:
    """Whether an element of a command line is an option whose value is a secret."""
    return bool(_OPTION.fullmatch(word) and _SECRET_WORD.search(word))


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
    for part in _other_parts(place):
        yield from _of_settings(part.raw(), "")
    for name, value in os.environ.items():
        if name.startswith("HANSA_") and _NAMES.search(name):
            yield value


def _other_parts(place: Place) -> list[Component]:
    """Return the parts of a quickstart cluster that are no servers and have a configuration."""
    if not place.first.exists or not place.first.home.exists:
        return []
    parts = place.first.home.parts
    return [part for part in parts if part not in place.servers and part.config.exists()]


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
