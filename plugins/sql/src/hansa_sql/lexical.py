"""The parameters of a statement, told from colons that mean something else in SQL."""

from __future__ import annotations

import re

_STANDARD = r"""
    '(?:[^']|'')*'                      # text
  | "(?:[^"]|"")*"                      # a name
  | `(?:[^`]|``)*`                      # a name, SQLite
  | --[^\n]*                            # comments
  | /\*.*?\*/
  | ::+[\w:]*                           # a cast, perhaps within a slice
  | :=                                  # an assignment, or an argument by name
"""
_ORACLE_TEXT = r"""
    (?<!\w)N?Q'(?:\[.*?\]|\{.*?\}|\(.*?\)|<.*?>|(?P<mark>[^\s\[{(<]).*?(?P=mark))'
"""
_POSTGRESQL = r"""
    (?<![\w$])E'(?:[^'\\]|''|\\.)*'     # text with escapes; other texts have none
  | '(?:[^']|'')*'
  | "(?:[^"]|"")*"                      # a name
  | (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$    # text in dollar quotes
  | --[^\n]*                            # comments
  | {comment}
  | ::+[\w:]*                           # a cast, perhaps within a slice
  | :=                                  # an argument by name
  | :(?=\d)[\w:]*                       # a slice of an array
"""
_MYSQL = r"""
    '(?:[^'\\]|''|\\.)*'                # text, in which a backslash quotes the next character
  | "(?:[^"\\]|""|\\.)*"
  | `(?:[^`]|``)*`                      # a name
  | \#[^\n]*                            # comments
  | --(?=\s|\Z)[^\n]*
  | /\*.*?\*/
  | :=                                  # an assignment
"""
_NESTED_COMMENTS = 5
"""Levels of comments inside one another that are told apart; PostgreSQL knows any number."""


def _nested_comment() -> str:
    pattern = r"/\*.*?\*/"
    for _ in range(_NESTED_COMMENTS):
        pattern = rf"/\*(?:[^*/]|\*(?!/)|/(?!\*)|{pattern})*\*/"
    return pattern


def _tokens(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE | re.DOTALL | re.IGNORECASE)


_mysql = _tokens(_MYSQL)
_postgresql = _tokens(_POSTGRESQL.replace("{comment}", _nested_comment()))
_standard = _tokens(_STANDARD)
_OF_DIALECT = {
    "mysql": _mysql,
    "mariadb": _mysql,
    "oracle": _tokens(f"{_ORACLE_TEXT}|{_STANDARD}"),
    "sqlite": _standard,
    "mssql": _standard,
}
DIALECTS = ("postgresql", "mysql", "oracle", "sqlite")
"""A dialect of each grammar."""


def escape_colons(statement: str, dialect: str) -> str:
    r"""Return a statement with `\:`, SQLAlchemy's own escape, for each colon in texts, quoted names,
    comments, casts, slices and assignments, so that only parameters are left as `:name`.

    What is quoted reaches the database unchanged, a backslash before a colon, too; elsewhere `\:` is
    a colon that begins no parameter. A dialect that is not known is read as postgresql.
    """
    tokens = _OF_DIALECT.get(dialect, _postgresql)
    return tokens.sub(_escaped, statement)


def _escaped(token: re.Match[str]) -> str:
    return token[0].replace(":", r"\:")
