"""Child processes of the supervisor: they die with it, and what an earlier one left behind is ended
by pid and start time.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..foundation.files import replace_file
from ..foundation.processes import started_at

# PERF: what is made while a worker starts stays; looking for garbage in it would only slow the
# start
_WORKER = "import gc; gc.disable(); from hansa.process.worker import main; main()"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

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
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            os._exit(1)

    return subprocess.Popen(command, preexec_fn=prepare, start_new_session=True, **options)


@dataclass(frozen=True)
class SpawnedWorker:
    """A worker process that imports and then waits for its job, and our end of its control pipe."""

    child: subprocess.Popen[bytes]
    control: socket.socket


def spawn_worker() -> SpawnedWorker:
    """Start a worker."""
    ours, theirs = socket.socketpair()
    with theirs:
        child = spawn([sys.executable, "-P", "-c", _WORKER], stdin=theirs)
    return SpawnedWorker(child, ours)


early: list[SpawnedWorker] = []
"""Workers that the program has started before the supervisor was there."""


class Ledger:
    """A file that lists the children that run, so that the next start can end what a killed
    supervisor left behind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
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
        left = {pid: start for pid, start in self._read().items() if started_at(pid) == start}
        _end(left, signal.SIGTERM, patience)
        _end(left, signal.SIGKILL, KILL_TIME)
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
