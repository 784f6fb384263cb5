"""A profile of this process: looks at its threads many times a second, and counts for each function
the time that its calls used the processor.

Threads are looked at where they let go of the interpreter: what a call of a library in C takes that holds
it is counted to what comes next, and short functions that wait for the system are counted too often.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hansa import Conflict

from .stacks import Frame, ThreadStack, processor_times, thread_stacks

EACH: Final = 0.02
"""Seconds between two looks."""
MOST_FUNCTIONS: Final = 50
MOST_STACKS: Final = 300
MILLION: Final = 1_000_000
_turn: Final = threading.Lock()


@dataclass
class Profile:
    """Nanoseconds by function, as they were its own and with what it called, and by whole stack."""

    looks: int = 0
    own: Counter[Frame] = field(default_factory=Counter)
    total: Counter[Frame] = field(default_factory=Counter)
    stacks: Counter[str] = field(default_factory=Counter)

    def add(self, thread: ThreadStack, spent: int) -> None:
        """Count what a thread has used of the processor since the last look."""
        if not thread.frames or spent <= 0:
            return
        functions = [_function(frame) for frame in thread.frames]
        self.own[functions[0]] += spent
        for function in set(functions):
            self.total[function] += spent
        self.stacks[";".join([thread.name, *map(_shown, reversed(functions))])] += spent

    def functions(self) -> list[dict[str, object]]:
        """Return the functions that used most, with milliseconds."""
        return [
            {
                "function": frame.function,
                "file": frame.file,
                "own_ms": self.own[frame] // MILLION,
                "total_ms": spent // MILLION,
            }
            for frame, spent in self.total.most_common(MOST_FUNCTIONS)
        ]

    def folded(self) -> list[str]:
        """Return stacks with their milliseconds, one a line, as programs that draw flame graphs
        read them.
        """
        return [
            f"{stack} {spent // MILLION}" for stack, spent in self.stacks.most_common(MOST_STACKS)
        ]


def profile(seconds: float) -> Profile:
    """Look at the threads of this process for that long; raises `Conflict` while somebody else does,
    so that what it costs is bounded.
    """
    if not _turn.acquire(blocking=False):
        raise Conflict("a profile of this worker is being made already: try again once it is done")
    try:
        return _profile(seconds)
    finally:
        _turn.release()


def _profile(seconds: float) -> Profile:
    found = Profile()
    ends_at = time.monotonic() + seconds
    before = processor_times()
    while time.monotonic() < ends_at:
        time.sleep(EACH)
        now = processor_times()
        found.looks += 1
        busy = {number for number, spent in now.items() if spent > before.get(number, spent)}
        for thread in _busy(thread_stacks(), busy):
            found.add(thread, now[thread.number] - before[thread.number])
        before = now
    return found


def _busy(threads: Iterable[ThreadStack], numbers: set[int]) -> Iterable[ThreadStack]:
    return [thread for thread in threads if thread.number in numbers]


def _function(frame: Frame) -> Frame:
    """Return a frame without its line: calls of a function are counted together."""
    return frame._replace(line=0)


def _shown(frame: Frame) -> str:
    file = frame.file.rpartition("/")[2]
    return f"{frame.function} ({file})".replace(";", ",")
