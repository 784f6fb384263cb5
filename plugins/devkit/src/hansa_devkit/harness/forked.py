"""The `hansa` command in a process that is forked from one which has imported it: it takes a tenth
of the processor's time that an interpreter of its own takes to come so far, and is otherwise the
same.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import json
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.process
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path

from .forked_programs import fork_programs, stream
from .processes import MARK

PRELOADED = "hansa_devkit.harness.preloaded"
COMMAND = Path(sys.executable).parent / "hansa"
NO_MARK = "0" * 32
"""The mark of the process that is forked, in whose place comes that of each fork."""
OF_INTERPRETER = ("PYTHON", "LD_", "LC_", "LANG", "GLIBC_", "MALLOC_", "OPENSSL_", "SSL_")
"""Beginnings of variables that count when an interpreter is started."""
FOLLOWED = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
"""Those of which a fork takes care."""

_processes = multiprocessing.get_context("forkserver")


class ForkedCommand:
    """A command that runs, as `subprocess.Popen` has it: `pid`, `poll`, `wait`, signals.

    It appends what it prints to the files `output` and `errors`, and works in `folder`. `imported`
    are further modules that it need not import itself; those of the first command of this process
    count.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
        imported: Sequence[str] = (),
    ) -> None:
        self.arguments = tuple(arguments)
        self.output, self.errors = output, errors or output
        _start_server(tuple(imported))
        files = (str(self.output), str(self.errors))
        given = (self.arguments, str(folder), dict(environment), _search_path(), *files)
        self._process = _processes.Process(target=_run, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return its exit status, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it has ended; raises `subprocess.TimeoutExpired`."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.arguments, timeout or 0)
        return self._process.exitcode

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Return all that it has printed once it has ended; raises `subprocess.TimeoutExpired`."""
        self.wait(timeout)
        errors = self.errors.read_text() if self.errors.exists() else ""
        return self.said(), errors

    def said(self) -> str:
        """Return what it has printed so far."""
        return self.output.read_text() if self.output.exists() else ""

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            # its exit status comes from its parent, some time after it has ended
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def can_be_forked(environment: Mapping[str, str]) -> bool:
    """Whether a command with these environment variables may be a fork: none of them tells an
    interpreter or a library something that this process was not told.
    """
    names = {*environment, *os.environ}
    changed = {name for name in names if environment.get(name) != os.environ.get(name)}
    return not any(name.startswith(OF_INTERPRETER) for name in changed - {*FOLLOWED})


@functools.cache
def _start_server(imported: tuple[str, ...]) -> None:
    """Start the process that is forked, with room for the mark in its environment."""
    _processes.set_forkserver_preload([PRELOADED, *imported])
    os.environ[MARK] = NO_MARK
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        del os.environ[MARK]


@functools.cache
def _search_path() -> list[str]:
    """Return the `sys.path` of an interpreter that was told nothing of its own."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", "import json, sys; print(json.dumps(sys.path))"]
    found: list[str] = json.loads(subprocess.check_output(command, env=environment))
    return found


def _run(
    arguments: tuple[str, ...],
    folder: str,
    environment: dict[str, str],
    search_path: list[str],
    output: str,
    errors: str,
) -> None:
    """Become the command."""
    os.setsid()
    sys.stdout = _opened(output, 1)
    sys.stderr = _opened(errors, 2)
    _show_mark(environment.get(MARK, NO_MARK))
    # what it runs may have children
    multiprocessing.process.current_process().daemon = False

    def become_program(words: Sequence[str], folder: str, environment: Mapping[str, str]) -> None:
        """Be what a quickstart cluster would start as `python -m hansa`."""
        program = ["-m", "hansa"]
        _become(program, words, folder, environment, [folder, *search_path])

    if arguments[:2] != ("server", "run"):
        fork_programs(can_be_forked, become_program)
    _become([str(COMMAND)], arguments, folder, environment, [str(COMMAND.parent), *search_path])


def _become(
    program: Sequence[str],
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    search_path: Sequence[str],
) -> None:
    """Run the command as if an interpreter had been told what to run by `program`."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    more = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
    sys.path[:] = [search_path[0], *more, *search_path[1:]]
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    importlib.invalidate_caches()
    sys.argv = [program[-1], *arguments]
    # a server that restarts becomes this
    sys.orig_argv = [sys.executable, *program, *arguments]
    from .preloaded import hansa

    hansa()


def _opened(file: str, standard: int) -> TextIOWrapper:
    """Have a file be standard output or standard error, and return it."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(opened, standard)
    os.close(opened)
    return stream(standard)


def _show_mark(mark: str) -> None:
    """Write a mark where /proc shows the environment with which this process was started."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start = int(fields[47])  # env_start of proc(5), the 50th
    shown = Path("/proc/self/environ").read_bytes()
    place = shown.find(f"{MARK}={NO_MARK}".encode())
    if place >= 0 and len(mark) == len(NO_MARK):
        where = start + place + len(MARK) + 1
        ctypes.memmove(where, mark.encode(), len(mark))
