"""Which texts of a page are not marked for translation: in the pseudo-language, every text that is not
data of the API is in its brackets.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hansa_web import rendering
from hansa_web.api import ApiError, ClusterApi
from hansa_web.language.pseudo import BEGIN, END
from markupsafe import Markup

DATA = "\ue000"
DATA_END = "\ue001"
"""What a template puts in, if it is neither HTML nor in the pseudo-language, is put between these."""
ATTRIBUTES = ("aria-label", "title", "placeholder", "alt")
"""Attributes that are read out, or shown."""
SKIPPED = ("pre", "code", "kbd", "time", "script", "style", "textarea", "datalist")
"""Elements whose text is data, source or a command."""
VOID = ("input", "br", "link", "meta", "rect", "path", "use", "line", "polyline", "img", "hr")
TERMS = {"API", "CSV", "HOST", "Hansa", "PORT", "Redis", "UTC", "cid", "ms", "p95", "p99", "SHA"}
"""Words that are the same in every language."""
WORD = re.compile(r"[^\W\d_]{2,}")


class Data:
    """The texts that the API has answered with, and words that belong to it."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._texts: set[str] = set()
        self._words = {word.lower() for word in words}

    def add(self, value: object) -> None:
        """Note all texts of an answer, and the words of its names."""
        if isinstance(value, str):
            self._texts.add(value.lower())
            names = value.lower().split()
            # kind, type and name, or the name of a setting
            if len(names) <= 3:
                self._words.update(names)
                self._words.update(re.split(r"[_.~\s]", value.lower()))
        elif isinstance(value, dict):
            for key, one in value.items():
                self.add(key)
                self.add(one)
        elif isinstance(value, list):
            for one in value:
                self.add(one)

    def has(self, text: str) -> bool:
        """Whether a text is one of the API, or a part of a long one, or made of its words."""
        found = text.strip().lower()
        if found in self._texts or (len(found) > 15 and any(found in one for one in self._texts)):
            return True
        words = re.split(r"[,;:→\s\"\[\]{}()]+", found)
        return all(word in self._words for word in words if set(WORD.findall(word)) - TERMS)


class Recording:
    """Calls of an API whose answers are noted."""

    def __init__(self, call: Any, data: Data) -> None:
        self._call = call
        self._data = data

    def __call__(self, *given: object, **more: object) -> Any:
        """Pass a call on, and note its answer, or its error."""
        try:
            answer = self._call(*given, **more)
        except ApiError as error:
            self._data.add(error.problem)
            raise
        self._data.add(answer)
        return answer


def marked_texts(monkeypatch: pytest.MonkeyPatch, api: ClusterApi, words: Iterable[str]) -> Data:
    """Have pages tell what templates put in from what they say; returns the data of the API, to which
    some words belong from the start.
    """
    data = Data(words)
    monkeypatch.setattr(api, "call", Recording(api.call, data))
    found = rendering.environment.__wrapped__()
    found.finalize = _between
    monkeypatch.setattr(rendering, "environment", lambda: found)
    return data


def _between(value: object) -> object:
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return f"{DATA}{value}{DATA_END}" if is_text else value


class Reader(HTMLParser):
    """Collects the texts of a page that are shown or read out: those of attributes one by one, all
    others as one, since a text in the pseudo-language may have elements in it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attributes: list[str] = []
        self.text = ""
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the texts of the attributes."""
        given = dict(attrs)
        if tag == "time":
            given.pop("title", None)
        if not self._skipped:
            self.attributes += [given.get(name) or "" for name in ATTRIBUTES]
        is_state = tag == "span" and (given.get("class") or "").startswith("state")
        if tag not in VOID and (self._skipped or tag in SKIPPED or is_state):
            self._skipped.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if self._skipped and tag not in VOID:
            self._skipped.pop()

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if not self._skipped:
            self.text += data


def unmarked(page: str, data: Data) -> Iterator[str]:
    """Yield what is said on a page without being in the pseudo-language, or data."""
    reader = Reader()
    reader.feed(page)
    for text in (reader.text, *reader.attributes):
        said, put_in = _parts(text)
        yield from (f"in a template: {one}" for one in said if set(WORD.findall(one)) - TERMS)
        for one in put_in:
            if set(WORD.findall(one)) - TERMS and is_in_source(one) and not data.has(one):
                yield f"put in: {one}"


def is_in_source(text: str) -> bool:
    """Whether the source of the web admin has a text, or one with values in it."""
    return text in _texts_of_source()[0] or any(
        one.fullmatch(text) for one in _texts_of_source()[1]
    )


@cache
def _texts_of_source() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Return the literal texts of the source, and patterns of those with values."""
    texts: set[str] = set()
    patterns: list[re.Pattern[str]] = []
    for path in Path(str(files("hansa_web"))).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            elif isinstance(node, ast.JoinedStr) and WORD.search(_literal(node, "")):
                patterns.append(re.compile(_literal(node, "(?s:.*)"), re.DOTALL))
    return frozenset(texts), tuple(patterns)


def _literal(text: ast.JoinedStr, value: str) -> str:
    """Return the pattern of a text with values, of which each matches a pattern."""
    parts = [
        re.escape(str(one.value)) if isinstance(one, ast.Constant) else value for one in text.values
    ]
    return "".join(parts)


def _parts(text: str) -> tuple[list[str], list[str]]:
    """Return what of a text a template says outside of the pseudo-language, and what it puts in."""
    said: list[str] = [""]
    put_in: list[str] = [""]
    depth = 0
    current = said
    for sign in text:
        if sign in (BEGIN, END):
            depth += 1 if sign == BEGIN else -1
        elif depth:
            continue
        elif sign in (DATA, DATA_END):
            current = put_in if sign == DATA else said
            current.append("")
        else:
            current[-1] += sign
    return said, put_in
