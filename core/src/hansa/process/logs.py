"""Logging: one line per event with the correlation id; secrets are masked, control characters
cannot forge a line.
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
from typing import Any

from ..contract.service import current_cid

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_KEY = r"((?:password|passwd|secret|token|api[-_]?key|authorization|cookie)['\"]?\s*[:=]\s*['\"]?(?:basic |bearer )?)"
_SECRET = re.compile(_KEY + r"[^\s'\",;&})]+|(://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE)
_FORMAT = (
    "%(asctime)s - %(levelname)s - %(process)d:%(threadName)s - %(name)s - %(cid)s - %(message)s"
)


class _Lines(logging.Formatter):
    """Masks secrets and escapes control characters; `single` also puts tracebacks on the line of
    their event.
    """

    def __init__(self, single: bool, structured: bool = False) -> None:
        super().__init__(_FORMAT)
        self.single, self.structured = single, structured

    def format(self, record: logging.LogRecord) -> str:
        cid = record.cid = getattr(record, "cid", None) or current_cid.get()
        record.message = _SECRET.sub(lambda m: (m[1] or m[2]) + "********", record.getMessage())
        record.asctime = self.formatTime(record)
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        if self.structured:
            found = {
                "at": record.asctime,
                "level": record.levelname,
                "process": record.process,
                "logger": record.name,
            }
            found |= {"thread": record.threadName, "cid": cid, "message": record.message}
            return json.dumps(found | ({"trace": trace} if trace else {}))
        head = self.formatMessage(record)
        head = _CONTROL.sub(lambda m: m[0].encode("unicode_escape").decode(), head).replace(
            "\n", "\\n"
        )
        if trace:
            trace = _CONTROL.sub("?", trace)
            return f"{head} | {trace}".replace("\n", "\\n") if self.single else f"{head}\n{trace}"
        return head


def set_up(directory: Path, settings: Any) -> None:
    """Log to standard error and to logs/server.log under the server's folder, as the section
    `[log]` says.
    """
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(_Lines(single=False))
    # it notices that the supervisor moved the file away, and makes a new one
    file = logging.handlers.WatchedFileHandler(directory / "logs" / "server.log", encoding="utf-8")
    file.setFormatter(_Lines(single=True, structured=settings.format == "json"))
    root = logging.getLogger()
    # a server in the background has nobody who reads its standard error, and the file says the same
    root.handlers[:] = [file] if os.environ.get("HANSA_CONSOLE") == "off" else [console, file]
    root.setLevel(settings.level)
    for noisy in ("httpx2", "httpcore2", "waitress", "watchfiles", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def rotate_log(path: Path, size: int, kept: int) -> None:
    """Move a log of over `size` bytes to PATH.1, and older ones up to PATH.`kept`; who writes to it
    opens it anew by name.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > size:
            logging.handlers.RotatingFileHandler(path, backupCount=kept, delay=True).doRollover()
