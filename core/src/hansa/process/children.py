"""Child processes of the supervisor: they die with it, and what an earlier one left behind is ended by pid and start time."""

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
from pathlib import Path
from typing import Any

from ..foundation.processes import started_at

# PERF: what is made while a worker starts stays; looking for garbage in it would only slow the start
_WORKER = "import gc; gc.disable(); from hansa.process.worker import main; main()"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: list[str], *, death_signal: int = signal.SIGTERM, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own that gets `death_signal` when this process dies.

    Call it from the main thread: the kernel sends the signal when the thread that started the child ends.
    """
    parent = os.getpid()

    def prepare() -> None:
        # a server that restarts holds signals back until it is there again
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            os._exit(1)

    return subprocess.Popen(command, preexec_fn=prepare, start_new_session=True, **options)


def spawn_worker() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a worker, which imports and then waits for its job; gives also our end of its control socket."""
    ours, theirs = socket.socketpair()
    with theirs:
        return spawn([sys.executable, "-P", "-c", _WORKER], stdin=theirs), ours


early: list[tuple[subprocess.Popen[bytes], socket.socket]] = []
"""Workers that the program has started before the supervisor was there."""


class Ledger:
    """A file that lists the children that run, so that the next start can end what a killed supervisor left behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[int, int] = {}

    def add(self, pid: int) -> None:
        """Note a child."""
        if (start := started_at(pid)) is not None:
            self._known[pid] = start
            self._write()

    def remove(self, pid: int) -> None:
        """Strike out a child that has ended."""
        self._known.pop(pid, None)
        self._write()

    def _write(self) -> None:
        temporary = self.path.with_suffix(".new")
        with contextlib.suppress(
            OSError
        ):  # a full disk ends no server, whose death the kernel tells its children, too
            temporary.write_text(json.dumps(self._known))
            temporary.replace(self.path)

    def end_leftovers(self, patience: float = 10.0) -> list[int]:
        """End what is listed and still the same process: asked first, killed after `patience` seconds. Gives the pids."""
        try:
            listed = {int(pid): start for pid, start in json.loads(self.path.read_text()).items()}
        except (OSError, ValueError, AttributeError):
            return []
        left = {pid: start for pid, start in listed.items() if started_at(pid) == start}
        for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
            for pid in [pid for pid, start in left.items() if started_at(pid) == start]:
                os.kill(pid, number)
            deadline = time.monotonic() + wait
            while (
                any(started_at(pid) == start for pid, start in left.items())
                and time.monotonic() < deadline
            ):
                time.sleep(0.02)
        self._write()
        return sorted(left)
