"""URL path patterns such as `/customer/{id}/orders`: what they match, and which of two is the more
specific.
"""

from __future__ import annotations

import functools
import re
from functools import total_ordering

from hansa import Invalid

from .path import decode_path, shown, value_of

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BRACE = re.compile("%7[BbDd]")
_SLASHES = re.compile("(?:/|%2[Ff])+")
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ANYTHING = "\x00"
"""Stands for any value of a variable: no path of a channel has it."""


class _Piece:
    """A part of a pattern: texts with a variable between each two."""

    __slots__ = ("first", "inner", "last", "literal")

    def __init__(self, text: str) -> None:
        first, *inner = _VARIABLE.split(text)[::2]
        self.literal = not inner
        self.first = first
        self.last = inner.pop() if inner else ""
        self.inner = inner[::-1]

    def match(self, text: str) -> list[str] | None:
        """Return the values of the variables, of which each is as long as those after it allow;
        None if the text does not match.

        Texts between variables are looked for from the end, each once, and never again: what
        regular expressions would try in every combination.
        """
        if self.literal:
            return [] if text == self.first else None
        begin = len(self.first)
        end = len(text) - len(self.last)
        if begin >= end or not text.startswith(self.first) or not text.endswith(self.last):
            return None
        values: list[str] = []
        for between in self.inner:
            place = text.rfind(between, begin, end - 1)
            if place < 0:
                return None
            values.append(text[place + len(between) : end])
            end = place
        if begin >= end:
            return None
        values.append(text[begin:end])
        return values[::-1]


@total_ordering
class Pattern:
    """A path with `{name}` variables, matched against whole paths as `decode_path` returns them.

    It may be written percent-encoded or not. Raises `Invalid` if it is not well formed, or no
    request could ever match it. A variable matches one or more characters except a slash (with
    `match_slash`, slashes too). Patterns sort with the most specific first: segment by segment,
    literal text goes before a mix, and a mix before a lone variable.
    """

    __slots__ = ("canonical", "literal", "match_slash", "names", "order", "pieces", "text")

    def __init__(self, text: str, match_slash: bool = False) -> None:
        fault = _fault_of(text)
        if fault:
            raise Invalid(fault)
        text = decode_path(text)
        self.text = text
        self.names = tuple(_VARIABLE.findall(text))
        # without variables it makes no difference
        self.match_slash = match_slash and bool(self.names)
        rest = _VARIABLE.sub("", text)
        if "{" in rest or "}" in rest:
            raise Invalid("the braces are not in pairs")
        for name in self.names:
            if not _NAME.match(name):
                raise Invalid(
                    f"{{{name}}} is not a valid variable: a name is letters, digits and _"
                )
        if len(set(self.names)) < len(self.names):
            raise Invalid("a variable is named twice")
        if "}{" in text:
            raise Invalid("two variables need something between them")
        self.literal = not self.names
        self.canonical = _VARIABLE.sub("{}", text)
        self.pieces = tuple(_Piece(part) for part in self._cut(text))
        self.order = tuple(map(_rank, self.canonical.split("/")[1:])), self.match_slash, text

    def _cut(self, path: str) -> list[str]:
        """Return the parts of a path within which variables match: segments, or all of it."""
        return [path] if self.match_slash else path.split("/")

    def match(self, path: str) -> dict[str, str] | None:
        """Return the values of the variables if the whole path matches, else None.

        The time that it takes grows as the length of the path does, whatever the pattern.
        """
        if self.literal:
            return {} if path == self.text else None
        parts = self._cut(path)
        if len(parts) != len(self.pieces):
            return None
        values: list[str] = []
        for piece, part in zip(self.pieces, parts, strict=True):
            found = piece.match(part)
            if found is None:
                return None
            values += found
        return {name: value_of(text) for name, text in zip(self.names, values, strict=True)}

    def covers(self, other: Pattern) -> bool:
        """Whether every path that another pattern matches is matched by this one, too."""
        if self.literal:
            return other.literal and self.text == other.text
        samples = [_ANYTHING, f"{_ANYTHING}/{_ANYTHING}"] if other.match_slash else [_ANYTHING]
        return all(self.match(_VARIABLE.sub(one, other.text)) is not None for one in samples)

    @property
    def root(self) -> str:
        """The first segment; empty where it is not the same in all paths."""
        segment = self.canonical.split("/", 2)[1]
        return "" if "{" in segment else segment

    @property
    def key(self) -> tuple[int, str]:
        """Where an index finds it: the number of slashes, -1 if it varies, and the segments before
        the first variable.
        """
        prefix = self.canonical.partition("{")[0].rpartition("/")[0]
        return -1 if self.match_slash else self.canonical.count("/"), prefix

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.order == other.order

    def __lt__(self, other: Pattern) -> bool:
        return self.order < other.order

    def __hash__(self) -> int:
        return hash(self.order)

    def __repr__(self) -> str:
        return f"Pattern({shown(self.text)!r})"


@functools.lru_cache(4096)
def pattern_of(path: str, match_slash: bool = False) -> Pattern:
    """Return the pattern of a path; raises `Invalid`.

    PERF: the settings of a channel, its object, and the check against each path of Hansa's own ask
    for patterns; a worker starts 10,000 channels in half the time where they are read once.
    """
    return Pattern(path, match_slash)


def merged(path: str) -> str:
    """Return a path, as a setting has it, in the form in which a load-balancer may pass it on:
    encoded slashes decoded, and slashes in a row merged into one.
    """
    return _SLASHES.sub("/", path)


def _fault_of(text: str) -> str:
    """Return why no request could match a path, or why it means something else than it seems to."""
    if not text.startswith("/") or "?" in text or "#" in text:
        return "a path begins with / and has no ? or #, unless they are percent-encoded"
    if "*" in text:
        return (
            "* is no wildcard: {name} stands for one segment, with match_slash for several; "
            "a star itself is written %2A"
        )
    if text.startswith("//"):
        return "a path does not begin with two slashes, which load-balancers merge into one"
    if "\\" in text:
        return r"clients turn \ into /; a backslash itself is written %5C"
    if _BRACE.search(text):
        return "braces stand around the name of a variable, and nowhere else"
    decoded = decode_path(text)
    if _CONTROL.search(decoded):
        return "a path has no control characters"
    if {".", ".."} & set(value_of(decoded).split("/")):
        return "clients take the segments . and .. out of a path"
    return ""


def _rank(segment: str) -> tuple[int, int]:
    """How specific a segment is; less is more."""
    if "{}" not in segment:
        return 0, 0
    return (2, 0) if segment == "{}" else (1, -len(segment))
