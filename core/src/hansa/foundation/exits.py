"""What ends this process in the code of others, or holds it up: raised while it imports that, else
told in the log, as far as either is possible.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from .origins import origins

log = logging.getLogger("hansa.exits")

FATAL = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT})
"""Signals by which code ends the process that it runs in."""


@contextlib.contextmanager
def exits_raised() -> Iterator[None]:
    """Have `os._exit` raise SystemExit in this thread and process, as long as this block lasts; a
    crash prints where it happened.
    """
    end = os._exit
    process = os.getpid()
    thread = threading.get_ident()

    def exit_or_raise(status: int) -> NoReturn:
        # a child that was forked meanwhile may end as it likes
        if (os.getpid(), threading.get_ident()) != (process, thread):
            end(status)
        raise SystemExit(f"os._exit({status})")

    if sys.__stderr__ is not None:
        faulthandler.enable(file=sys.__stderr__)  # `sys.stderr` may be no file
    os._exit = exit_or_raise
    try:
        yield
    finally:
        os._exit = end


@contextlib.contextmanager
def hangs_raised(seconds: float) -> Iterator[Callable[[], None]]:
    """Have code of others that holds up the main thread for so long raise TimeoutError there, as
    long as this block lasts; what it yields begins to count anew.

    In another thread nothing is raised. Code that is inside a C library is interrupted when that
    returns.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise TimeoutError(f"it had not returned after {seconds:g} s")

    def begin() -> None:
        # what swallows the first error gets another
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)

    handler = signal.signal(signal.SIGALRM, interrupt)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield begin
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


class _Watch:
    """Whose end is told, and how this process ended before it was watched. While `process` is 0,
    nothing is told.
    """

    def __init__(self) -> None:
        self.exit = os._exit
        self.kill = os.kill
        self.kill_group = os.killpg
        self.process = 0
        self.group = 0
        self.note: Callable[[str], object] = str

    def tell(self, how: str) -> None:
        """Log how this process ends, and note by what."""
        with contextlib.suppress(Exception):
            _log_exit(how, self.process)
            if origins.subject:
                self.note(origins.subject)

    def is_hit(self, pid: int) -> bool:
        """Whether a signal to a process id, as of kill(2), is one to this process."""
        if not self.process:
            return False
        in_group = pid == 0 and os.getpgrp() == self.group
        return in_group or pid in (self.process, -self.group, -1)


_watches: list[_Watch] = []
"""That of this process, once it is watched."""


def watch_exits() -> None:
    """Put in the place of what ends processes what can tell of it: before code of others is
    imported that takes it by name. Nothing is told before `log_exits`.
    """
    watch = _Watch()

    def log_and_exit(status: int) -> NoReturn:
        # a child that was forked meanwhile may end as it likes
        if os.getpid() == watch.process:
            watch.tell(f"os._exit({status})")
        watch.exit(status)

    def log_and_kill(pid: int, number: int) -> None:
        if watch.is_hit(pid) and number in FATAL:
            watch.tell(f"os.kill with {signal.Signals(number).name}")
        watch.kill(pid, number)

    def log_and_kill_group(pgid: int, number: int) -> None:
        if watch.is_hit(-pgid) and number in FATAL:
            watch.tell(f"os.killpg with {signal.Signals(number).name}")
        watch.kill_group(pgid, number)

    os._exit = log_and_exit
    os.kill = log_and_kill
    os.killpg = log_and_kill_group
    _watches[:] = [watch]


def log_exits(note: Callable[[str], object]) -> Callable[[int], NoReturn]:
    """Have the log say from now on who ends this process by `os._exit`, or by a signal that it, or
    a child that it has forked, sends to it by `os.kill` or `os.killpg`: the plugin or definition
    whose start has begun the thread, if any, which is handed to `note`, and the stack of the
    thread.

    Returns the `os._exit` that says nothing.
    """
    if not _watches:
        watch_exits()
    (watch,) = _watches
    watch.note = note
    watch.process = os.getpid()
    watch.group = os.getpgrp()
    return watch.exit


def _log_exit(how: str, process: int) -> None:
    began = f", begun by {origins.subject}" if origins.subject else ""
    by_child = "" if os.getpid() == process else f" by its child {os.getpid()}"
    log.critical(
        "%s%s ends this process in the thread %s%s:\n%s",
        how,
        by_child,
        threading.current_thread().name,
        began,
        "".join(traceback.format_stack()[:-3]),
    )
