"""Query strings and request headers as services see them, read strictly and only when asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIEnvironment

from hansa import Invalid

MOST_VALUES = 1000
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parse_query(text: str) -> dict[str, str | list[str]]:
    """Return the values of a query string (application/x-www-form-urlencoded); a key given more
    than once has a list.

    `text` is as WSGI has it (bytes as Latin-1). Raises `Invalid` for a stray %, for what is not
    UTF-8, and for more than 1,000 values.
    """
    if text.count("&") >= MOST_VALUES:
        raise Invalid(f"the query string has more than {MOST_VALUES} values")
    found: dict[str, str | list[str]] = {}
    for name, value in parse_pairs(text, "the query string", "utf-8"):
        add_value(found, name, value)
    return found


def parse_pairs(text: str, what: str, charset: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a text in application/x-www-form-urlencoded.

    `text` has bytes as Latin-1, `what` is its name in errors. Raises `Invalid` for a stray %, and
    for what is not valid in the charset.
    """
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            yield _unquote(name, what, charset), _unquote(value, what, charset)


def add_value(found: dict[str, Any], name: str, value: object) -> None:
    """Add a value; a name that is given more than once has a list of its values."""
    known = found.get(name)
    if known is None:
        found[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        found[name] = [known, value]


def _unquote(text: str, what: str, charset: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    if "%" in text:
        if _BAD_PERCENT.search(text):
            raise Invalid(f"{what} has a % that is not followed by two hexadecimal digits")
    elif text.isascii():
        return text
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode(charset)
    except UnicodeError:
        raise Invalid(f"{what} is not valid {charset.upper()}") from None


@lru_cache(256)
def _key_of(name: str) -> str:
    """Return the key of a header in the WSGI environment.

    PERF: the same few names are asked for in each request; worked out anew, that takes 0.3 us more.
    """
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key


class Headers(Mapping[str, str]):
    """Request headers by name, in any case, listed in lower case.

    PERF: a view of the WSGI environment; most services look at few headers or none.
    """

    __slots__ = ("_environ",)

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ

    def get(self, name: str, default: Any = None) -> Any:
        """Return the header of a name, in any case; the default without one."""
        return self._environ.get(_key_of(name), default)

    def __getitem__(self, name: str) -> str:
        found: str | None = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        for key in list(self._environ):
            if key.startswith("HTTP_"):
                yield key[5:].lower().replace("_", "-")
            elif key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                yield key.lower().replace("_", "-")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None

    def __repr__(self) -> str:
        return repr(
            {
                name: "********" if name in ("authorization", "cookie") else value
                for name, value in self.items()
            }
        )
