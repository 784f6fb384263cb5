"""The load-balancer's logs: its own, HAProxy's messages in it, and the access log, none of which
can stop HAProxy.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from hansa import LogFile, rotate_log, rotate_output

log = logging.getLogger("hansa.loadbalancer")

LOG = "load-balancer.log"
CONSOLE = "console.log"
"""The log into which `hansa start` has a load-balancer in the background print."""
ROTATE_AT = 64 * 2**20
"""Size in bytes at which a log is rotated."""
KEPT = 5
"""Rotated files of each log to keep."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_MESSAGE = re.compile(r"^\[(ALERT|WARNING|NOTICE|DEBUG)\]\s*\((\d+)\)\s*: (.*)$")
_LEVELS = {"ALERT": logging.ERROR, "WARNING": logging.WARNING, "NOTICE": logging.INFO}


class _Line(logging.Formatter):
    """One line per event: control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(_escaped, super().format(record))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def set_up(folder: Path) -> None:
    """Log to load-balancer.log in a folder, and to standard error unless HANSA_CONSOLE is off."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handlers: list[logging.Handler] = [LogFile(folder / LOG)]
    if os.environ.get("HANSA_CONSOLE") != "off":
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(
            _Line("%(asctime)s - %(levelname)s - %(process)d - %(name)s - %(message)s")
        )
    log.handlers[:] = handlers
    log.propagate = False
    log.setLevel(logging.INFO)


def rotate(folder: Path) -> None:
    """Rotate what has grown too large of the logs in a folder; the access log sees to itself.

    Raises OSError.
    """
    rotate_log(folder / LOG, ROTATE_AT, KEPT)
    rotate_output(folder / CONSOLE, ROTATE_AT, KEPT)


class Pipe:
    """The writing end of a pipe, `descriptor`, whose lines a thread hands on, so that a writer
    never waits for long.
    """

    def __init__(self, name: str, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._reading, self.descriptor = os.pipe()
        # HAProxy writes without waiting and drops lines when the pipe is full
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, 2**20)
        threading.Thread(target=self._read, name=name, daemon=True).start()

    def _read(self) -> None:
        rest = b""
        while data := os.read(self._reading, 2**16):
            whole, end, rest = (rest + data).rpartition(b"\n")
            if end:
                try:
                    self._take(whole + end)
                except OSError as error:
                    log.error("a log cannot be written: %s", error)


class AccessLog:
    """access.log in a folder: opened anew when it was moved away, rotated at 64 MiB, five rotated
    files kept.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "access.log"
        self._file = -1

    def take(self, lines: bytes) -> None:
        """Write the lines about requests; messages about servers reach the other log as well."""
        chosen = b"".join(line for line in lines.splitlines(keepends=True) if line.startswith(b"{"))
        if chosen:
            self._ready()
            os.write(self._file, chosen)

    def _ready(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            found = self.path.stat()
            if self._file >= 0 and found.st_ino == os.fstat(self._file).st_ino:
                if found.st_size <= ROTATE_AT:
                    return
                rotate_log(self.path, ROTATE_AT, KEPT)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1  # unless it can be opened anew, its number is somebody else's by then
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)


def take_messages(lines: bytes, *, ending: bool = False) -> None:
    """Log what HAProxy wrote to its standard error, at its level; while it is `ending`, everything
    is information.
    """
    for line in lines.decode(errors="replace").splitlines():
        match = _MESSAGE.match(line)
        if match:
            level = logging.INFO if ending else _LEVELS.get(match[1], logging.DEBUG)
            log.log(level, "haproxy %s: %s", match[2], match[3])
        elif line.strip():
            log.warning("haproxy: %s", line)
