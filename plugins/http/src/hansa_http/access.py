"""The access log: one JSON object a line for each request, with who called what, how it ended and how long it took."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
from hansa import Request, Response

log = logging.getLogger("hansa.http")
LOOK = 1.0


class AccessLog:
    """Appends to a file, whole lines only; opens it anew within a second after it was moved away.

    A line that cannot be written is counted, not raised: a full disk fails no request. The count is told in the other log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0
        self._looked = 0.0
        self._lock = threading.Lock()
        self._file = -1
        self._encode = msgspec.json.Encoder().encode

    def write(self, environ: dict[str, Any], response: Response, began: float) -> None:
        """Log a request that was answered; `began` is the `time.time()` of its arrival."""
        now = time.time()
        request: Request | None = environ.get("hansa.request")
        found: dict[str, Any] = {
            "at": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(began))}.{int(began % 1 * 1000):03}Z",
            "cid": response.cid,
            "peer": request.peer if request else environ.get("REMOTE_ADDR", ""),
            "method": environ["REQUEST_METHOD"],
            "path": _ascii(request.path if request else environ["PATH_INFO"]),
            "status": response.status,
            "bytes": len(response.raw) if isinstance(response.raw, bytes) else 0,
            "ms": round((now - began) * 1000, 3),
        }
        if request is not None:
            if request.channel is not None:
                found["channel"] = request.channel.channel
            if request.principal is not None:
                found["principal"] = _ascii(str(request.principal))
        line = self._encode(found) + b"\n"
        try:
            if now - self._looked > LOOK:
                self._look(now)
            os.write(self._file, line)
        except OSError as error:
            if not self.lost:
                log.error("the access log %s cannot be written, requests go on: %s", self.path, error)
            self.lost += 1
        else:
            if self.lost:
                log.error("the access log %s is written again, %s lines are missing in it", self.path, self.lost)
                self.lost = 0

    def _look(self, now: float) -> None:
        """Open the file if it is not open, or was moved away."""
        with self._lock:
            with contextlib.suppress(OSError):
                if self._file >= 0 and os.stat(self.path).st_ino == os.fstat(self._file).st_ino:
                    self._looked = now
                    return
            opened = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if self._file < 0:
                self._file = opened
            else:
                os.dup2(opened, self._file, inheritable=False)  # the number stays, others may just be writing to it
                os.close(opened)
            self._looked = now

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file, self._looked = -1, 0.0


def _ascii(text: str) -> str:
    return text if text.isascii() else text.encode("ascii", "backslashreplace").decode()
