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
    """A thread: its name, its number in the operating system, its calls, the innermost first.

    The number is 0 where a library has started the thread by itself. There are no calls where these
    are not known: of a process with more than 100 threads only those of its newest 100 are.
    """

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
    known = {thread.ident or 0: thread for thread in threading.enumerate()}
    stacks = _parsed(dump)
    found = []
    for ident in (stacks.keys() | known.keys()) - {own}:
        thread, frames = known.get(ident), stacks.get(ident, [])
        if thread is not None:
            found.append(ThreadStack(thread.name, thread.native_id or 0, frames))
        elif frames:
            found.append(ThreadStack(f"without a name, 0x{ident:x}", 0, frames))
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
