"""One line of a log file, as it was written: the text and JSON of server.log, and access.log."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias, get_args

import msgspec

from .query import Level, LogLine

LEVELS: tuple[Level, ...] = get_args(Level)
SERVER = "server"
ACCESS = "access"

_TEXT = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) - ([A-Z]+) - (\d+):.*? - (\S+) - (\S+) - (.*)",
    re.DOTALL,
)


class _JsonLine(msgspec.Struct):
    at: str
    level: str
    logger: str
    cid: str
    message: str
    process: int = 0
    trace: str = ""


class _AccessLine(msgspec.Struct):
    at: str
    cid: str
    method: str
    path: str
    status: int
    ms: float
    peer: str = ""
    channel: str = ""
    principal: str = ""


_decode_json = msgspec.json.Decoder(_JsonLine).decode
_decode_access = msgspec.json.Decoder(_AccessLine).decode

Read: TypeAlias = Callable[[bytes], LogLine | None]
"""Reads a line; None for what is none."""


def read_server(line: bytes) -> LogLine | None:
    """Read a line of server.log, in either format; times of text are local."""
    if line.startswith(b"{"):
        try:
            found = _decode_json(line)
            at = datetime.fromisoformat(found.at).timestamp()
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            return None
        message = f"{found.message} | {found.trace}" if found.trace else found.message
        return LogLine(
            at, _level(found.level), found.logger, found.cid, message, SERVER, found.process
        )
    match = _TEXT.fullmatch(line.decode(errors="replace"))
    if match is None:
        return None
    second, milliseconds, level, process, logger, cid, message = match.groups()
    whole = _local(second)
    if whole is None:
        return None
    at = whole + int(milliseconds) / 1000
    return LogLine(at, _level(level), logger, cid, message, SERVER, int(process))


def read_access(line: bytes) -> LogLine | None:
    """Read a line of access.log."""
    try:
        found = _decode_access(line)
        at = datetime.fromisoformat(found.at).timestamp()
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    message = f"{found.method} {found.path} {found.status} in {found.ms} ms from {found.peer}"
    if found.channel:
        message += f", channel {found.channel}"
    if found.principal:
        message += f", caller {found.principal}"
    return LogLine(at, "INFO", ACCESS, found.cid, message, ACCESS)


def _level(text: str) -> Level:
    for level in LEVELS:
        if level == text:
            return level
    return "INFO"


@lru_cache(maxsize=1024)
def _local(second: str) -> float | None:
    """Return a local time in seconds of the Unix epoch; None for one that is not in the calendar."""
    try:
        return time.mktime(time.strptime(second, "%Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return None
