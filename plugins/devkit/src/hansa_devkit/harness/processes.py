"""Finding the processes that a test has started, wherever they were moved to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import psutil

MARK = "HANSA_TEST_MARK"
"""The environment variable by which tests find a server and all its processes."""

WORKER = "hansa-worker"
"""The name of the process of a worker."""


def marked(mark: str, folder: Path) -> list[psutil.Process]:
    """Return the living processes with a mark in their environment, or that work below a folder.

    The folder is for programs that overwrite their environment, as Valkey does.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            ours = process.environ().get(MARK) == mark or Path(process.cwd()).is_relative_to(folder)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is a living worker of a server."""
    with contextlib.suppress(psutil.Error):
        running = process.status() != psutil.STATUS_ZOMBIE
        return running and process.name() == WORKER
    return False


def workers_of(supervisor: int) -> list[psutil.Process]:
    """Return the living workers of a server by the process id of its supervisor; none once that has
    ended.
    """
    with contextlib.suppress(psutil.Error):
        return [child for child in psutil.Process(supervisor).children() if is_worker(child)]
    return []


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def kill_all(processes: Iterable[psutil.Process]) -> None:
    """Send SIGKILL to processes, those that have ended meanwhile aside."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
