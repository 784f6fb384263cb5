"""The access log: one JSON object a line for each request, with who called what, how it ended and how long it took."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import msgspec
from hansa import Request, Response

log = logging.getLogger("hansa.http")
LOOK = 1.0  # seconds between looks whether the file was moved away
PAUSE = 0.05  # seconds that lines wait to be written together
MOST = 100_000


class AccessLog:
    """Appends to a file, whole lines only; opens it anew within a second after it was moved away.

    Lines are written 0.05 s later, by a thread of its own; a worker that is killed takes the last ones with it. One that cannot be
    written is counted, not raised: a full disk fails no request, nor does one that hangs, before which at most 100,000 lines wait.
    The count is told in the other log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0
        self._looked = 0.0
        self._file = -1
        self._second = (0, "")
        self._encode = msgspec.json.Encoder().encode
        self._lines: deque[bytes] = deque()
        self._some, self._ended, self._counting = (
            threading.Event(),
            threading.Event(),
            threading.Lock(),
        )
        self._thread = threading.Thread(target=self._follow, name="access log", daemon=True)
        self._thread.start()

    def write(self, environ: dict[str, Any], response: Response, began: float) -> None:
        """Log a request that was answered; `began` is the `time.time()` of its arrival."""
        ended, second, known = time.time(), int(began), self._second
        if second != known[0]:  # PERF: the text of a second serves all its requests
            known = self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        request: Request | None = environ.get("hansa.request")
        channel, principal = (request.channel, request.principal) if request else (None, None)
        path = request.path if request else environ["PATH_INFO"]
        found: dict[str, Any] = {
            "at": f"{known[1]}.{int((began - second) * 1000):03}Z",
            "cid": response.cid,
            "peer": request.peer if request else environ.get("REMOTE_ADDR", ""),
            "method": environ["REQUEST_METHOD"],
            "path": path if path.isascii() else _ascii(path),
            "status": response.status,
            "bytes": len(response.raw) if isinstance(response.raw, bytes) else 0,
            "ms": round((ended - began) * 1000, 3),
        }
        if channel is not None:
            found["channel"] = channel.channel
        if principal is not None:
            found["principal"] = _ascii(str(principal))
        # PERF: a system call for each line would cost more than all the rest of it, and hand the interpreter to another thread
        if len(self._lines) < MOST:
            self._lines.append(self._encode(found) + b"\n")
            if not self._some.is_set():
                self._some.set()
        else:
            self._lose(1, f"{MOST} lines wait for the disk")

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._ended.set()
        self._some.set()
        self._thread.join()
        if self.lost:
            log.error("the access log %s ends, %s lines are missing in it", self.path, self.lost)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._looked = -1, 0.0

    def _follow(self) -> None:
        while self._some.wait() and not self._ended.wait(PAUSE):
            self._some.clear()
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        text, done = b"".join(self._lines.popleft() for _ in range(len(self._lines))), 0
        if not text:
            return
        try:
            if time.time() - self._looked > LOOK:
                self._look()
            while done < len(text):
                done += os.write(self._file, text[done:])
        except OSError as error:
            left = text[done:]
            if done and not text[:done].endswith(
                b"\n"
            ):  # the disk was full within a line: its end is written first
                end, _, left = left.partition(b"\n")
                self._lines.appendleft(end + b"\n")
            self._lose(left.count(b"\n"), error)
        else:
            if self.lost:
                log.error(
                    "the access log %s is written again, %s lines are missing in it",
                    self.path,
                    self.lost,
                )
                self.lost = 0

    def _lose(self, lines: int, why: object) -> None:
        with self._counting:
            first, self.lost = not self.lost, self.lost + lines
        if first:
            log.error("the access log %s cannot be written, requests go on: %s", self.path, why)

    def _look(self) -> None:
        """Open the file if it is not open, or was moved away."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                if os.stat(self.path).st_ino == os.fstat(self._file).st_ino:
                    self._looked = time.time()
                    return
            os.close(self._file)
            self._file = -1
        self._file = os.open(
            self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        self._looked = time.time()


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
