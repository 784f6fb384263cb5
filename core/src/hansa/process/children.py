"""Child processes of the supervisor: they die with it, and what an earlier one left behind is ended
by pid and start time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Protocol

from ..foundation.files import replace_file
from ..foundation.processes import started_at
from .prctl import die_with

ASK_TIME = 10.0
"""Seconds that a process left behind gets to end after it was asked to."""
KILL_TIME = 5.0


def spawn(
    command: list[str], *, death_signal: int = signal.SIGTERM, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own that gets `death_signal` when this process dies.

    `options` are those of `subprocess.Popen`. Call it from the main thread: the kernel sends the
    signal when the thread that started the child ends.
    """
    parent = os.getpid()

    def prepare() -> None:
        # a server that restarts holds signals back until it is there again
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with(parent, death_signal)

    return subprocess.Popen(command, preexec_fn=prepare, start_new_session=True, **options)


class Child(Protocol):
    """A child process of this one, such as a `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""

    def kill(self) -> None:
        """End it at once, unless it has ended."""

    def terminate(self) -> None:
        """Ask it to end, unless it has ended."""


class ForkedChild:
    """A child process that runs this program, or one that has become a child of this process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                # as subprocess has it, where somebody else has asked for the status
                self._status = 0
                return self._status
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end, unless it has ended."""
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        # until its status was asked for, its process id is nobody else's
        if self.poll() is None:
            os.kill(self.pid, number)


class Ledger:
    """A file that lists the children that run, so that the next start can end what a killed
    supervisor left behind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended: dict[int, int] = {}
        """Children of an earlier run, all ended, that `end_leftovers` has found: by their process ids
        the times at which they started.
        """
        self._known: dict[int, int] = {}

    def add(self, pid: int) -> None:
        """Note a child."""
        start = started_at(pid)
        if start is not None:
            self._known[pid] = start
            self._write()

    def remove(self, pid: int) -> None:
        """Strike out a child that has ended."""
        self._known.pop(pid, None)
        self._write()

    def _write(self) -> None:
        # a full disk must not end a server; when it dies, the kernel tells its children, too
        with contextlib.suppress(OSError):
            replace_file(self.path, json.dumps(self._known))

    def end_leftovers(self, patience: float = ASK_TIME) -> list[int]:
        """End what is listed and still the same process: asked first, killed after `patience`
        seconds. Returns the pids.
        """
        listed = self._read()
        left = {pid: start for pid, start in listed.items() if started_at(pid) == start}
        _end(left, signal.SIGTERM, patience)
        _end(left, signal.SIGKILL, KILL_TIME)
        alive = _alive(listed)
        self.ended = {pid: start for pid, start in listed.items() if pid not in alive}
        self._write()
        return sorted(left)

    def _read(self) -> dict[int, int]:
        try:
            listed = json.loads(self.path.read_text())
            return {int(pid): int(start) for pid, start in listed.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def _end(processes: dict[int, int], number: signal.Signals, seconds: float) -> None:
    """Send a signal to those processes that are alive, and wait until they have ended, at most so
    long.
    """
    for pid in _alive(processes):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    deadline = time.monotonic() + seconds
    while _alive(processes) and time.monotonic() < deadline:
        time.sleep(0.02)


def _alive(processes: dict[int, int]) -> list[int]:
    return [pid for pid, start in processes.items() if started_at(pid) == start]
