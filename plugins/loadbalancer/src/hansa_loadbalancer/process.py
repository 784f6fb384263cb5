"""HAProxy's processes: a master that was started here, and its workers, of which a reload puts a
new one beside the old.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hansa import Invalid, StatusFile, Unavailable, spawn, started_at

from .files import SOCKET, SOURCE
from .logs import AccessLog, Pipe, log, take_messages
from .program import Program
from .runtime import RuntimeSocket
from .settings import SECTION

PID_FILE = "haproxy.pid"
START_LIMIT = 15.0
"""Seconds that HAProxy may take until it answers."""
LISTEN_LIMIT = 5.0
"""Seconds that HAProxy's master may take, after a start or a reload, until it listens to signals."""
END_LIMIT = 10.0
"""Seconds that HAProxy may take to end after each signal."""


class Worker(NamedTuple):
    """One process of HAProxy that answers; its id alone could be another's later on."""

    pid: int
    start: int


class Haproxy:
    """HAProxy in `folder / "run"`, with the configuration that is there; `stopping` says whether
    its owner is to end.
    """

    def __init__(self, program: Program, folder: Path, stopping: Callable[[], bool]) -> None:
        self.program = program
        self.folder = folder
        self.run_folder = folder / "run"
        self.runtime = RuntimeSocket(self.run_folder / SOCKET)
        self._stopping = stopping
        self._child: subprocess.Popen[bytes] | None = None
        self.pid_file = StatusFile(self.run_folder / PID_FILE)
        self._known: set[Worker] = set()
        logs = folder / "logs"
        self._out = Pipe("access log", AccessLog(logs).take)
        self._err = Pipe("messages", self._hear)
        self._alerts: deque[str] = deque(maxlen=3)

    @property
    def status(self) -> int | None:
        """The exit status, or None while it runs."""
        if self._child is None:
            return -1
        return self._child.poll()

    def start(self) -> None:
        """Start it and wait until it answers; raises `Invalid` if it ends instead. It dies with
        this process.
        """
        # a socket that a killed one left behind would be taken for the new one's
        (self.run_folder / SOCKET).unlink(missing_ok=True)
        self._child = spawn(
            [self.program.path, "-W", "-db", "-f", SOURCE],
            cwd=self.run_folder,
            stdin=subprocess.DEVNULL,
            stdout=self._out.descriptor,
            stderr=self._err.descriptor,
        )
        pid = self._child.pid
        self.pid_file.write(f"{pid} {started_at(pid)}\n")
        self._known.clear()
        if not self._wait_for_new_worker() and not self._stopping():
            self.end(0)
            raise Invalid({SECTION: f"HAProxy did not start: {self._why}"})

    def reload(self) -> None:
        """Have a new process take over the sockets; the old one finishes its requests and ends.
        Raises `Invalid`.
        """
        assert self._child is not None
        self._alerts.clear()
        self._tell_master(self._child, signal.SIGUSR2)
        if not self._wait_for_new_worker() and not self._stopping():
            raise Invalid({SECTION: f"HAProxy did not take the configuration: {self._why}"})

    def _tell_master(self, master: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Send a signal to the master, once it listens: it starts anew with each reload, and ignores
        all signals for a moment after the new worker answers.
        """
        deadline = time.monotonic() + LISTEN_LIMIT
        while not _catches(master.pid, number) and time.monotonic() < deadline:
            if master.poll() is not None:
                break
            time.sleep(0.005)
        master.send_signal(number)

    def _hear(self, lines: bytes) -> None:
        for line in lines.decode(errors="replace").splitlines():
            if line.startswith("[ALERT]"):
                self._alerts.append(line)
        take_messages(lines, ending=self._stopping())

    @property
    def _why(self) -> str:
        time.sleep(0.1)  # what it wrote last may still be in the pipe
        return "; ".join(self._alerts) or f"see {self.folder / 'logs' / 'load-balancer.log'}"

    def _wait_for_new_worker(self) -> bool:
        """Wait until a process answers that has not answered before: for a moment after a reload
        any of the old ones may, too. Returns False if HAProxy ends, or no new one answers in time.
        """
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and not self._stopping():
            with contextlib.suppress(Unavailable):
                if self._is_new(self.runtime.pid()):
                    return True
            if self.status is not None:
                return False
            time.sleep(0.02)
        return False

    def _is_new(self, pid: int) -> bool:
        """Whether a process had not answered before; one that has ended since is none."""
        start = started_at(pid)
        if start is None:
            return False
        worker = Worker(pid, start)
        new = worker not in self._known
        self._known.add(worker)
        return new

    def end(self, grace: float) -> None:
        """Accept nothing new, let requests in hand finish within `grace` seconds, and end."""
        child = self._child
        if child is not None and child.poll() is None:
            with contextlib.suppress(Unavailable, OSError), self.runtime.watch() as requests:
                self._tell_master(child, signal.SIGUSR1)
                deadline = time.monotonic() + grace
                while requests() and time.monotonic() < deadline:
                    time.sleep(0.02)
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                    self._tell_master(child, number)
                    child.wait(END_LIMIT)
                    break
        (self.run_folder / SOCKET).unlink(missing_ok=True)
        self.pid_file.remove()
        log.info("HAProxy ended")


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process handles a signal (proc(5), SigCgt), or cannot help it."""
    if number == signal.SIGKILL:
        return True
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                caught = int(line.partition(":")[2], 16)
                return bool(caught >> (number - 1) & 1)
    return False


def end_leftover(run_folder: Path) -> None:
    """End an HAProxy whose owner was killed: the kernel has told it already, and it may need a
    moment.
    """
    try:
        pid, start = map(int, (run_folder / PID_FILE).read_text().split())
    except (OSError, ValueError):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + END_LIMIT
        if started_at(pid) == start:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while started_at(pid) == start and time.monotonic() < deadline:
            time.sleep(0.02)
