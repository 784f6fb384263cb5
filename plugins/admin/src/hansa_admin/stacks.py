"""What the threads of this process execute at the moment, and how much of the processor each uses."""

from __future__ import annotations

import faulthandler
import re
import tempfile
import threading
from pathlib import Path
from typing import Final, NamedTuple

MOST_FRAMES: Final = 60
"""Calls of a thread that are told, the innermost ones."""
_THREAD: Final = re.compile(r"(?:Current thread|Thread) 0x([0-9a-f]+)")
_FRAME: Final = re.compile(r'  File "(.*)", line (\d+) in (.*)')
_TASKS: Final = Path("/proc/self/task")


class Frame(NamedTuple):
    """A call that has not ended."""

    file: str
    line: int
    function: str


class ThreadStack(NamedTuple):
    """A thread: its name, its number in the operating system, its calls, the innermost first."""

    name: str
    number: int
    frames: list[Frame]


def thread_stacks() -> list[ThreadStack]:
    """Return the threads of this process but the one that asks, by name.

    `faulthandler` reads them all in one step: unlike `sys._current_frames` it takes no lock that a
    thread may hold.
    """
    with tempfile.TemporaryFile() as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        dump = file.read().decode("utf-8", "replace")
    own = threading.get_ident()
    known = {thread.ident: thread for thread in threading.enumerate()}
    found = []
    for ident, frames in _parsed(dump).items():
        thread = known.get(ident)
        if ident == own or thread is None:
            continue
        found.append(ThreadStack(thread.name, thread.native_id or 0, frames))
    return sorted(found, key=lambda one: (one.name, one.number))


def _parsed(dump: str) -> dict[int, list[Frame]]:
    found: dict[int, list[Frame]] = {}
    frames: list[Frame] = []
    for line in dump.splitlines():
        thread = _THREAD.match(line)
        if thread is not None:
            frames = found.setdefault(int(thread[1], 16), [])
            continue
        frame = _FRAME.fullmatch(line)
        if frame is not None and len(frames) < MOST_FRAMES:
            frames.append(Frame(frame[1], int(frame[2]), frame[3]))
    return found


def processor_times() -> dict[int, int]:
    """Return for how many nanoseconds each thread has used the processor, by its number in the
    operating system; empty where that does not say.
    """
    found = {}
    try:
        tasks = list(_TASKS.iterdir())
    except OSError:
        return {}
    for task in tasks:
        try:
            found[int(task.name)] = int((task / "schedstat").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue  # it has ended, or the system does not say
    return found
