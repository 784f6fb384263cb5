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
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from ..contract.service import current_cid
from ..foundation.errors import shortened
from ..foundation.masking import mask_secrets
from ..plugins.sections import LogSection

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")
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
        record.message = mask_secrets(shortened(record.getMessage(), _EVENT_LIMIT))
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
    """One JSON object a line; `at` is in UTC (RFC 3339)."""

    def format(self, record: logging.LogRecord) -> str:
        trace = self.prepare(record)
        found = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
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


class LogFile(logging.handlers.WatchedFileHandler):
    """A log file, opened anew after it was moved away. What a full disk keeps from being written is
    missing in it; whoever logs goes on. Lone surrogates, as in names of files that are not UTF-8,
    are written as their escapes.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; the standard handler raises if the file cannot be opened anew."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


CONSOLE_VARIABLE = "HANSA_CONSOLE"
"""The environment variable that, if it is `off`, keeps servers and load-balancers from also logging
to standard error, as `hansa start` has it for what it starts in the background.
"""


def set_up(directory: Path, section: LogSection) -> None:
    """Log to standard error and to `logs/server.log` under the server's directory."""
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(_TextFormatter(single_line=False))
    file = LogFile(directory / "logs" / "server.log")
    structured = section.format == "json"
    file.setFormatter(_JsonFormatter() if structured else _TextFormatter(single_line=True))
    root = logging.getLogger()
    # a server in the background has nobody who reads its standard error, and the file says the same
    background = os.environ.get(CONSOLE_VARIABLE) == "off"
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


def rotate_output(path: Path, size: int, kept: int) -> None:
    """Copy what programs have written to a file of over `size` bytes to PATH.1, older ones being
    moved up to PATH.`kept`, and empty it.

    They hold it open for appending and go on; lines that come meanwhile may be lost. Raises OSError
    if there is no space for the copy: it is then as it was.
    """
    if not path.exists() or path.stat().st_size <= size:
        return
    copy = path.with_name(f"{path.name}.0")
    try:
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
    except OSError:
        copy.unlink(missing_ok=True)
        raise
    handler = logging.handlers.RotatingFileHandler(path, backupCount=kept, delay=True)
    handler.rotator = lambda source, target: os.replace(copy, target)
    handler.doRollover()
    os.truncate(path, 0)
