"""Logging: one line per event with the correlation id; control characters cannot forge a line."""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import sys
from pathlib import Path

from .service import current_cid

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FORMAT = "%(asctime)s - %(levelname)s - %(process)d:%(threadName)s - %(name)s - %(cid)s - %(message)s"


class _Lines(logging.Formatter):
    """Escapes control characters; `single` also puts tracebacks on the line of their event."""

    def __init__(self, single: bool) -> None:
        super().__init__(_FORMAT)
        self.single = single

    def format(self, record: logging.LogRecord) -> str:
        record.cid = getattr(record, "cid", None) or current_cid.get()
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        head = self.formatMessage(record)
        head = _CONTROL.sub(lambda m: m[0].encode("unicode_escape").decode(), head).replace("\n", "\\n")
        if record.exc_info:
            trace = _CONTROL.sub("?", self.formatException(record.exc_info))
            return f"{head} | {trace}".replace("\n", "\\n") if self.single else f"{head}\n{trace}"
        return head


def set_up(directory: Path, level: str) -> None:
    """Log to standard error and to logs/server.log under the server's folder."""
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(_Lines(single=False))
    file = logging.handlers.WatchedFileHandler(directory / "logs" / "server.log", encoding="utf-8")
    file.setFormatter(_Lines(single=True))
    root = logging.getLogger()
    # a server in the background has nobody who reads its standard error, and the file says the same
    root.handlers[:] = [file] if os.environ.get("HANSA_CONSOLE") == "off" else [console, file]
    root.setLevel(level)
    for noisy in ("httpx2", "httpcore2", "waitress", "watchfiles", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
