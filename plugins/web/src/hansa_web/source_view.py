"""Sources, highlighted: each line an element of its own, whose number the style sheet counts."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.token import Comment, Keyword, Name, Number, String, Token
from pygments.util import ClassNotFound

LONGEST = 3000
"""Lines of the longest source that is highlighted; a longer one is shown as plain text."""
LARGEST = 300_000
"""Characters of the largest one, which may be a single line."""
KEPT = 64
"""Highlighted sources that are kept."""
_CLASSES = (
    (Keyword, "k"),
    (String, "s"),
    (Comment, "c"),
    (Number, "m"),
    (Name.Class, "n"),
    (Name.Function, "n"),
    (Name.Decorator, "n"),
)


def highlighted(name: str, source: str) -> Markup:
    """Return a source as lines of HTML, by the language of its file name."""
    if len(source) <= LARGEST and source.count("\n") <= LONGEST:
        return _highlighted(name, source)
    return _numbered([escape(line) for line in source.split("\n")])


@lru_cache(maxsize=KEPT)
def _highlighted(name: str, source: str) -> Markup:
    lexer = _lexer(name)
    if lexer is None:
        return _numbered([escape(line) for line in source.split("\n")])
    return _numbered(_lines(lexer, source))


def _numbered(lines: list[Markup]) -> Markup:
    rows = [Markup('<span id="L{}">{}\n</span>').format(n, line) for n, line in enumerate(lines, 1)]
    return Markup("").join(rows)


def _lexer(name: str) -> Lexer | None:
    try:
        found: Lexer = get_lexer_for_filename(name, stripnl=False)
    except ClassNotFound:
        return None
    return found


def _lines(lexer: Lexer, source: str) -> list[Markup]:
    """Return the lines of a source; a token that has several lines is marked in each of them."""
    lines: list[list[Markup]] = [[]]
    for token, text in lexer.get_tokens(source):
        style = _class_of(token)
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if part:
                marked = Markup('<span class="{}">{}</span>').format(style, part)
                lines[-1].append(marked if style else escape(part))
    if lines and not lines[-1]:
        lines.pop()
    return [Markup("").join(parts) for parts in lines]


def _class_of(token: object) -> str:
    for kind, name in _CLASSES:
        if token in kind and token is not Token:
            return name
    return ""
