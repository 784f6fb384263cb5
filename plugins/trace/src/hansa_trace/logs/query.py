"""What is asked of the logs of a server, and what it answers, as they go between servers."""

from __future__ import annotations

import logging
from typing import Annotated, Literal, TypeAlias

import msgspec

Level: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

MOST_LINES = 1000
LONGEST_MESSAGE = 8000
"""Characters of a message that are returned."""
LARGEST_ANSWER = 2**20
"""Characters of messages that one server returns at most; it keeps the newest."""


class Position(msgspec.Struct, array_like=True, frozen=True):
    """Up to where a log was read: the inode of a file, so that it is found after it was moved away,
    and a number of bytes.
    """

    inode: int
    offset: Annotated[int, msgspec.Meta(ge=0)]


Positions: TypeAlias = dict[str, Position]
"""Positions by log."""


class LogQuery(msgspec.Struct, omit_defaults=True, frozen=True):
    """Which lines are meant: those that meet all conditions, the newest `limit` of them.

    `level` is the lowest one, `logger` a name with all below it, `text` is looked for in any case;
    times are in seconds of the Unix epoch. With `follow`, positions by server, those after them; a
    server that has none there returns those since `new_since`.
    """

    cids: list[str] = []
    level: Level = "DEBUG"
    logger: str = ""
    text: str = ""
    since: float | None = None
    until: float | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_LINES)] = 200
    follow: dict[str, Positions] = {}
    new_since: float | None = None
    grouped: bool = False


class LogLine(msgspec.Struct, omit_defaults=True):
    """One line; `log` is `server` or `access`."""

    at: float
    level: Level
    logger: str
    cid: str
    message: str
    log: str
    process: int = 0


class LogGroup(msgspec.Struct):
    """Lines that differ in numbers and identifiers only; times in seconds of the Unix epoch."""

    level: Level
    logger: str
    pattern: str
    count: int
    first: float
    last: float
    latest_cid: str


class LogAnswer(msgspec.Struct, omit_defaults=True):
    """What a server found: the oldest line first.

    `positions` are where to follow from; `reaches` is the time of the oldest line that was looked
    at; `more` says that older lines match, too; `faults` says what could not be read.
    """

    lines: list[LogLine] = []
    groups: list[LogGroup] = []
    positions: Positions = {}
    reaches: float | None = None
    more: bool = False
    faults: list[str] = []


class Question(msgspec.Struct):
    """A query on its way to other servers."""

    id: str
    query: LogQuery


def number_of(level: str) -> int:
    """Return the number of a level, as the standard library has it; 20 for an unknown one."""
    found: int = logging.getLevelNamesMapping().get(level, logging.INFO)
    return found
