"""The values that were masked in a message, so that they are masked wherever else they are."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from hansa import mask_secrets

MASK = "********"
"""What stands in place of a value."""
SHORTEST = 4
"""Characters of a value that is also looked for elsewhere: shorter ones are all over a text."""
MOST = 100
"""Values that are replaced in one text; one with more is not kept."""


class TooManyValues(Exception):
    """A text has so many masked values in it that it is not kept."""


class FoundValues:
    """Values that were masked; they are looked for as they are, and as they are written in JSON,
    URLs and markup.
    """

    def __init__(self) -> None:
        self._written: dict[str, tuple[str, ...]] = {}
        self._whole: set[str] = set()

    def add(self, value: object) -> None:
        """Remember a value; what has no text, or a short one, is not looked for."""
        if value in (None, "") or isinstance(value, bool):
            return
        text = str(value)
        self._whole.add(text)
        if len(text.strip()) < SHORTEST:
            return
        for written in (text, text.strip()):
            self._written[written] = _ways_to_write(written)

    def __contains__(self, text: str) -> bool:
        """Whether a whole text was masked, also if it is short."""
        return text in self._whole

    def in_text(self, text: str) -> Sweep:
        """Return what masks those of the values that are in a text; raises `TooManyValues`."""
        present = [ways for ways in self._written.values() if any(way in text for way in ways)]
        if len(present) > MOST:
            raise TooManyValues
        # a text is parsed before it is swept: what is in it in one way may then be in another
        return Sweep({way for ways in present for way in ways})


def _ways_to_write(text: str) -> tuple[str, ...]:
    """Return a text as formats write it, each way once."""
    if text.isascii() and text.isalnum():
        return (text,)
    plain = text.encode(errors="replace").decode()
    ways = (
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        quote(plain),
        quote(plain, safe=""),
        quote_plus(plain),
        html.escape(text),
        html.escape(text, quote=False),
    )
    return tuple(dict.fromkeys(ways))


class Sweep:
    """Masks values in texts, and what looks like a secret."""

    def __init__(self, values: Iterable[str]) -> None:
        longest_first = sorted(values, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(pattern) if pattern else None

    def finds(self, text: str) -> bool:
        """Whether a value is in a text."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def leaves(self, text: str) -> bool:
        """Whether there is nothing to mask in a text, nor in any part of it."""
        return self._pattern is None and mask_secrets(text) == text

    def __call__(self, text: str) -> str:
        """Return a text with masks."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return mask_secrets(text)
