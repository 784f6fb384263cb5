"""What ends this process in the code of others: raised while it imports that, else told in the log,
as far as either is possible.
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


def log_exits(note: Callable[[str], object]) -> Callable[[int], NoReturn]:
    """Have the log say from now on who ends this process by `os._exit`, or by a signal that it
    sends to itself by `os.kill`: the plugin or definition whose start has begun the thread, if any,
    which is handed to `note`, and the stack of the thread.

    Returns the `os._exit` that says nothing.
    """
    end = os._exit
    kill = os.kill
    process = os.getpid()

    def tell(how: str) -> None:
        with contextlib.suppress(Exception):
            _log_exit(how)
            if origins.subject:
                note(origins.subject)

    def log_and_exit(status: int) -> NoReturn:
        # a child that was forked meanwhile may end as it likes
        if os.getpid() == process:
            tell(f"os._exit({status})")
        end(status)

    def log_and_kill(pid: int, number: int) -> None:
        if pid == process == os.getpid() and number in FATAL:
            tell(f"os.kill with {signal.Signals(number).name}")
        kill(pid, number)

    os._exit = log_and_exit
    os.kill = log_and_kill
    return end


def _log_exit(how: str) -> None:
    began = f", begun by {origins.subject}" if origins.subject else ""
    log.critical(
        "%s ends this process in the thread %s%s:\n%s",
        how,
        threading.current_thread().name,
        began,
        "".join(traceback.format_stack()[:-3]),
    )
