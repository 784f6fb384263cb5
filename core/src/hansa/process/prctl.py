"""What a process tells the kernel about itself: its name, with whom it ends, and whose orphans it
takes (prctl(2)).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int, number: int = signal.SIGTERM) -> None:
    """Have the kernel send a signal to this process when its parent ends; ends this process if that
    has ended already.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def name_process(name: str) -> None:
    """Set the name by which `ps` and `top` show this process, of at most 15 bytes."""
    _libc.prctl(_PR_SET_NAME, name.encode())


@contextlib.contextmanager
def orphans_adopted() -> Iterator[None]:
    """Have what loses its parent among the descendants of this process become its child, as long as
    this block lasts.
    """
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
