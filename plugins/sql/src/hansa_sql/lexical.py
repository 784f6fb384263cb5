"""The parameters of a statement, told from colons that mean something else in SQL."""

from __future__ import annotations

import re

_TOKENS = r"""
    E'(?:[^'\\]|''|\\.)*'               # PostgreSQL's text with escapes
  | '{text}'                            # text
  | "(?:[^"]|"")*"                      # a name
  | `(?:[^`]|``)*`                      # a name, MySQL
  | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$   # PostgreSQL's dollar quotes
  | --[^\n]*                            # comments
  | /\*.*?\*/
  | ::                                  # a cast
  | :=                                  # an assignment, or an argument by name
"""
_STANDARD_TEXT = r"(?:[^']|'')*"
_BACKSLASH_TEXT = r"(?:[^'\\]|''|\\.)*"
_FLAGS = re.VERBOSE | re.DOTALL | re.IGNORECASE
_STANDARD = re.compile(_TOKENS.replace("{text}", _STANDARD_TEXT), _FLAGS)
_MYSQL = re.compile(_TOKENS.replace("{text}", _BACKSLASH_TEXT), _FLAGS)
_BARE_COLON = re.compile(r"(?<!\\):")


def escape_colons(statement: str, dialect: str = "") -> str:
    r"""Return a statement with `\:`, SQLAlchemy's own escape, for each colon in texts, quoted names,
    comments, casts and assignments, so that only parameters are left as `:name`.

    In texts of the dialects mysql and mariadb a backslash quotes the next character.
    """
    tokens = _MYSQL if dialect in ("mysql", "mariadb") else _STANDARD
    return tokens.sub(_escaped, statement)


def _escaped(token: re.Match[str]) -> str:
    return _BARE_COLON.sub(r"\\:", token[0])
