"""A trial of early modules before the supervisor imports them: they are imported in a child process
first, so that what ends its process does not end the server.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

from ..foundation.errors import Invalid
from ..foundation.processes import how_ended
from ..foundation.starts import DeathLedger, Starts

log = logging.getLogger("hansa.plugins")

TRIAL_LIMIT = 60.0
"""Seconds that the import of all early modules may take."""


def try_early_modules(load: Callable[[Starts], object], folder: Path) -> None:
    """Import early modules by `load` in a child process, again and again until one lives: what ends
    three of them, or does not return, is quarantined in the ledger of `folder`.

    Raises `Invalid` if a child dies and nothing can be blamed.
    """
    ledger = DeathLedger(folder)
    while True:
        pid, end, in_time = _run(load, folder)
        if not end:
            return
        blamed = ledger.bury(pid, end, hung=not in_time)
        log.error("the trial of early modules %s in %s", end, blamed)
        if not blamed:
            raise Invalid({"plugins": f"the process that imported early modules {end}"})


def _run(load: Callable[[Starts], object], folder: Path) -> tuple[int, str, bool]:
    """Run `load` in a fork of this process; return its process id, how it died, or nothing, and
    whether it ended in time.
    """
    # PERF: a fork has all of core imported; another interpreter would take 0.4 s more
    pid = os.fork()
    if pid == 0:
        _be_the_child(load, folder)
    descriptor = os.pidfd_open(pid)
    try:
        in_time, _, _ = select.select([descriptor], [], [], TRIAL_LIMIT)
    finally:
        os.close(descriptor)
        # it has ended by itself, or is not wanted any more
        os.kill(pid, signal.SIGKILL)
        _, waited = os.waitpid(pid, 0)
    status = os.waitstatus_to_exitcode(waited)
    if not in_time:
        return pid, f"was not done after {TRIAL_LIMIT:g} s", False
    return pid, how_ended(status) if status else "", True


def _be_the_child(load: Callable[[Starts], object], folder: Path) -> None:
    """Import, and end this process: with status 0 if it lives, whatever was raised."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.disable()
    # a crash is shown; what modules print when they are imported is printed by the supervisor's
    # own import
    faulthandler.enable(os.dup(2))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    starts = Starts(folder)
    with contextlib.suppress(BaseException):
        load(starts)
    starts.end()
    os._exit(0)
