"""How many files a server may open, and how many it has open."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from typing import Final

import psutil
from hansa import ExaminedServer, Finding

from ..subject import component_of

NEEDED: Final = 4096
"""Files that a server with some thousand connections needs."""
SHARE: Final = 0.8
"""Share of what is permitted from which it will soon be too much."""
_REMEDY: Final = "raise it: ulimit -n 65536 before the start, LimitNOFILE= in a unit of systemd"


def examine(server: ExaminedServer) -> Iterator[Finding]:
    """Yield the limit of a server that runs, else that of this command; and the use of it."""
    component = component_of(server)
    pid = component.pid() if component.exists else None
    if pid is None:
        permitted, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield _judged("a server that is started here", permitted)
        return
    try:
        process = psutil.Process(pid)
        permitted = process.rlimit(psutil.RLIMIT_NOFILE)[0]
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                yield from _used(one)
    except psutil.AccessDenied:
        remedy = "run hansa doctor as the user of the server"
        yield Finding("warning", "what the server has open may not be seen", remedy)
    else:
        yield _judged("the server", permitted)


def _used(process: psutil.Process) -> Iterator[Finding]:
    """Yield a fault where a process has nearly as many files open as it may."""
    permitted = process.rlimit(psutil.RLIMIT_NOFILE)[0]
    used = process.num_fds()
    if used > SHARE * permitted:
        text = f"{process.name()} ({process.pid}) has {used} of {permitted} files open"
        yield Finding("fault", text, _REMEDY)


def _judged(whose: str, permitted: int) -> Finding:
    text = f"{whose} may open {permitted} files"
    if 0 <= permitted < NEEDED:
        return Finding("warning", text, _REMEDY)
    return Finding("ok", text)
