"""The access log: one JSON object a line for each request, with who called what, how it ended and
how long it took.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from pathlib import Path
from wsgiref.types import WSGIEnvironment

import msgspec
from hansa import Request, Response

log = logging.getLogger("hansa.http")
LOOK = 1.0
"""Seconds between looks whether the file was moved away."""
PAUSE = 0.05
"""Seconds that lines wait to be written together."""
MOST = 100_000
"""Lines that may wait for the disk."""


class AccessLog:
    """Appends to a file, whole lines only; opens it anew within a second after it was moved away.

    Lines are written 0.05 s later, by a thread of its own; a worker that is killed loses the last
    ones. A line that cannot be written is counted and not raised: neither a full disk fails a
    request nor one that hangs, for which at most 100,000 lines wait. The server's log reports the
    count. Requests to the paths `left_out`, of Hansa's own addresses, are not logged.
    """

    def __init__(self, path: Path, left_out: frozenset[str] = frozenset()) -> None:
        self.path = path
        self._left_out = left_out
        self.lost = 0
        self._checked_at = 0.0
        self._file = -1
        self._second = (0, "")
        self._encode = msgspec.json.Encoder().encode
        self._lines: deque[bytes] = deque()
        self._filled = threading.Event()
        self._ended = threading.Event()
        self._counting = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="access log", daemon=True)
        self._thread.start()

    def write(
        self, environ: WSGIEnvironment, request: Request | None, response: Response, began: float
    ) -> None:
        """Log a request that was answered; `began` is the `time.time()` of its arrival.

        `request` is None for what never became one, and for the server's own addresses.
        """
        if request is None and environ["PATH_INFO"] in self._left_out:
            return
        ended = time.time()
        path = request.path if request else environ["PATH_INFO"]
        entry: dict[str, object] = {
            "at": self._timestamp(began),
            "cid": response.cid,
            "peer": request.peer if request else environ.get("REMOTE_ADDR", ""),
            "method": environ["REQUEST_METHOD"],
            "path": path if path.isascii() else _escaped(path),
            "status": response.status,
            "bytes": len(response.raw) if isinstance(response.raw, bytes) else 0,
            "ms": round((ended - began) * 1000, 3),
        }
        if request is not None:
            if request.channel is not None:
                entry["channel"] = request.channel.channel
            if request.principal is not None:
                entry["principal"] = _escaped(str(request.principal))
        # PERF: a system call for each line would cost more than all the rest of it, and hand
        # the interpreter to another thread
        if len(self._lines) < MOST:
            self._lines.append(self._encode(entry) + b"\n")
            if not self._filled.is_set():
                self._filled.set()
        else:
            self._lose(1, f"{MOST} lines wait for the disk")

    def _timestamp(self, moment: float) -> str:
        """Return a moment in UTC, with milliseconds (RFC 3339)."""
        second = int(moment)
        known = self._second
        if second != known[0]:  # PERF: the text of a second serves all its requests
            known = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
            self._second = known
        return f"{known[1]}.{int((moment - second) * 1000):03}Z"

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._ended.set()
        self._filled.set()
        self._thread.join()
        if self.lost:
            log.error("the access log %s ends, %s lines are missing in it", self.path, self.lost)
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        self._checked_at = 0.0

    def _follow(self) -> None:
        while self._filled.wait() and not self._ended.wait(PAUSE):
            self._filled.clear()
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        text = b"".join(self._lines.popleft() for _ in range(len(self._lines)))
        if not text:
            return
        done = 0
        try:
            if time.time() - self._checked_at > LOOK:
                self._open()
            while done < len(text):
                done += os.write(self._file, text[done:])
        except OSError as error:
            self._put_back(text, done, error)
        else:
            self._recovered()

    def _put_back(self, text: bytes, done: int, error: OSError) -> None:
        """Count the lines that were not written; the end of one that was begun is written first
        next time.
        """
        left = text[done:]
        if done and not text[:done].endswith(b"\n"):
            end, _, left = left.partition(b"\n")
            self._lines.appendleft(end + b"\n")
        self._lose(left.count(b"\n"), error)

    def _recovered(self) -> None:
        if self.lost:
            log.error(
                "the access log %s is written again, %s lines are missing in it",
                self.path,
                self.lost,
            )
            self.lost = 0

    def _lose(self, lines: int, why: object) -> None:
        with self._counting:
            first = not self.lost
            self.lost += lines
        if first:
            log.error("the access log %s cannot be written, requests go on: %s", self.path, why)

    def _open(self) -> None:
        """Open the file if it is not open, or was moved away."""
        if self._file >= 0:
            if self._is_in_place():
                self._checked_at = time.time()
                return
            os.close(self._file)
            self._file = -1
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        self._checked_at = time.time()

    def _is_in_place(self) -> bool:
        with contextlib.suppress(OSError):
            return os.stat(self.path).st_ino == os.fstat(self._file).st_ino
        return False


def _escaped(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
