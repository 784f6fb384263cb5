"""Logging: one line per event with the correlation id.

Secrets are masked, and control characters cannot forge a line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
import re
import sys
from pathlib import Path

from ..contract.service import current_cid
from ..foundation.errors import shortened
from ..plugins.sections import LogSection

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SECRET = re.compile(
    r"((?:password|passwd|secret|token|api[-_]?key|authorization|cookie)"
    r"['\"]?\s*[:=]\s*['\"]?(?:basic |bearer )?)[^\s'\",;&})]+"
    r"|(://[^\s/:@]*:)[^\s/@]+(?=@)",
    re.IGNORECASE,
)
_MASK = "********"
_EVENT_LIMIT = 32_000
"""Maximum length of a message and of a traceback, in characters: libraries quote what peers send."""
_FORMAT = (
    "%(asctime)s - %(levelname)s - %(process)d:%(threadName)s - %(name)s - %(cid)s - %(message)s"
)
_NOISY = ("httpx2", "httpcore2", "waitress", "watchfiles", "alembic")
"""Loggers of libraries that log at INFO what Hansa logs itself."""


class _Formatter(logging.Formatter):
    """Masks secrets, escapes control characters, and adds the correlation id."""

    def prepare(self, record: logging.LogRecord) -> str:
        """Set the record's cid, message and time; returns its traceback, if any."""
        record.cid = getattr(record, "cid", None) or current_cid.get()
        record.message = _SECRET.sub(_mask, shortened(record.getMessage(), _EVENT_LIMIT))
        record.asctime = self.formatTime(record)
        if not record.exc_info:
            return ""
        return shortened(self.formatException(record.exc_info), _EVENT_LIMIT)


class _TextFormatter(_Formatter):
    """Lines of text; `single_line` puts tracebacks on the line of their event."""

    def __init__(self, *, single_line: bool) -> None:
        super().__init__(_FORMAT)
        self.single_line = single_line

    def format(self, record: logging.LogRecord) -> str:
        trace = self.prepare(record)
        line = _CONTROL.sub(_escape, self.formatMessage(record)).replace("\n", "\\n")
        if not trace:
            return line
        trace = _CONTROL.sub("?", trace)
        if self.single_line:
            return f"{line} | {trace}".replace("\n", "\\n")
        return f"{line}\n{trace}"


class _JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        trace = self.prepare(record)
        found = {
            "at": record.asctime,
            "level": record.levelname,
            "process": record.process,
            "logger": record.name,
            "thread": record.threadName,
            "cid": record.__dict__["cid"],
            "message": record.message,
        }
        if trace:
            found["trace"] = trace
        return json.dumps(found)


def _mask(match: re.Match[str]) -> str:
    return (match[1] or match[2]) + _MASK


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def set_up(directory: Path, section: LogSection) -> None:
    """Log to standard error and to `logs/server.log` under the server's directory."""
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(_TextFormatter(single_line=False))
    # it notices that the supervisor moved the file away, and makes a new one
    file = logging.handlers.WatchedFileHandler(directory / "logs" / "server.log", encoding="utf-8")
    structured = section.format == "json"
    file.setFormatter(_JsonFormatter() if structured else _TextFormatter(single_line=True))
    root = logging.getLogger()
    # a server in the background has nobody who reads its standard error, and the file says the same
    background = os.environ.get("HANSA_CONSOLE") == "off"
    root.handlers[:] = [file] if background else [console, file]
    root.setLevel(section.level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def rotate_log(path: Path, size: int, kept: int) -> None:
    """Move a log of over `size` bytes to PATH.1, and older ones up to PATH.`kept`.

    Whoever writes to it opens it anew by name.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > size:
            handler = logging.handlers.RotatingFileHandler(path, backupCount=kept, delay=True)
            handler.doRollover()
