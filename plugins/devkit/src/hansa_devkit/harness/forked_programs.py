"""Programs that a forked command starts: what would be `python -m hansa ...` is a fork of it."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from io import FileIO, TextIOWrapper
from typing import IO, Any, NoReturn

INTERPRETER = (sys.executable, "-m", "hansa")
LOOK = 0.01
"""Seconds between two looks whether a program has ended."""

Become = Callable[[Sequence[str], str, Mapping[str, str]], None]
"""Runs the command with such arguments, in a folder, with these environment variables."""


class ForkedProgram:
    """A program that runs as a child of this process, as `subprocess.Popen` has it."""

    def __init__(self, args: Sequence[str], pid: int) -> None:
        self.args = args
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it has ended; raises `subprocess.TimeoutExpired`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            status = self.poll()
            if status is not None:
                return status
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
            time.sleep(LOOK)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Popen(subprocess.Popen[Any]):
    """Starts programs: a fork of this process for each `hansa` whose output goes to files, unless its
    environment would make it another one.
    """

    can_be_forked: Callable[[Mapping[str, str]], bool]
    become: Become

    def __new__(cls, args: Any, *more: Any, **options: Any) -> Any:
        """Fork this process, or start an interpreter."""
        if more or not is_ours(args, options) or not cls.can_be_forked(options["env"]):
            return super().__new__(cls)
        sys.stdout.flush()
        sys.stderr.flush()
        # one that comes before the program has handlers of its own waits for these
        former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                run(args, options, cls.become)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)
        return ForkedProgram(args, pid)


def fork_programs(can_be_forked: Callable[[Mapping[str, str]], bool], become: Become) -> None:
    """Have `subprocess.Popen` fork this process where that starts the same program."""
    Popen.can_be_forked = can_be_forked
    Popen.become = become
    subprocess.Popen = Popen  # type: ignore[misc]  # for this process alone, a fork


def is_ours(args: object, options: Mapping[str, object]) -> bool:
    """Whether a program is one that can be forked, with what it is started with."""
    known = {"stdin", "stdout", "stderr", "cwd", "env", "start_new_session", "preexec_fn"}
    return (
        isinstance(args, list)
        and tuple(args[:3]) == INTERPRETER
        and {"stdin", "stdout", "stderr", "cwd", "env"} <= set(options) <= known
        and options["stdin"] == subprocess.DEVNULL
        and all(hasattr(options[name], "fileno") for name in ("stdout", "stderr"))
    )


def run(args: Sequence[str], options: Mapping[str, Any], become: Become) -> NoReturn:
    """Become the program, in a process that was just forked."""
    status: object = 1
    try:
        # what nobody refers to any more would close files of the program later on; not frozen, which
        # would hide generators of random numbers from templates, so that all servers have the same
        gc.collect(1)
        for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError):
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        redirect(options["stdout"], options["stderr"])
        if options.get("start_new_session"):
            os.setsid()
        prepare = options.get("preexec_fn")
        if prepare is not None:
            prepare()
        become(args[len(INTERPRETER) :], str(options["cwd"]), options["env"])
        status = 0
    except SystemExit as end:
        status = 0 if end.code is None else end.code
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(status if isinstance(status, int) else 1)


def redirect(output: IO[bytes], errors: IO[bytes]) -> None:
    """Have standard input be empty and what is printed go to files; close all others."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    # neither may be overwritten before it was copied
    copies = [os.dup(nothing), os.dup(output.fileno()), os.dup(errors.fileno())]
    for standard, copy in enumerate(copies):
        os.dup2(copy, standard)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.stdout, sys.stderr = stream(1), stream(2)


def stream(standard: int) -> TextIOWrapper:
    """Return a stream that writes to standard output or standard error at once."""
    raw = FileIO(standard, "w", closefd=False)
    return TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
