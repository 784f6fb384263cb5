"""A process in whose start a plugin does not return: it ends, and says in its journal where it
hangs, so that the next one leaves that out.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from traceback import FrameSummary

from ..foundation.frames import thread_frames
from ..foundation.starts import HeldUp, Starts
from ..plugins import discovery
from ..runtime.watch import LimitWatch

log = logging.getLogger("hansa.hanging")

LOOK = 0.5
"""Seconds between two looks, at most."""
SHOWN_FRAMES = 5
"""Frames that the cause of a quarantine names; the log has all."""


class HangWatch(LimitWatch):
    """Ends this process by `end` once a part of a plugin's start has not returned for `limit`
    seconds, which `starts` has noted by then; never, if that is 0. It looks until the process
    serves.
    """

    def __init__(self, limit: float, starts: Starts, end: Callable[[], object]) -> None:
        super().__init__("hanging starts", limit)
        self._starts = starts
        self._end = end

    def look(self) -> float:
        """End this process if what it starts is over the limit."""
        if self._starts.is_over:
            self.stop()
        held_up = self._starts.held_up
        if held_up is not None and time.monotonic() - held_up.since >= self._limit:
            self._note(held_up)
            self._end()
        return min(LOOK, self._limit)

    def _note(self, held_up: HeldUp) -> None:
        frame = thread_frames().get(held_up.thread)
        frames = traceback.extract_stack(frame) if frame is not None else []
        what = f"it had not returned after {self._limit:g} s"
        self._starts.note_hang(held_up.subject, f"{what}, in {shown(frames)}")
        stack = "".join(traceback.format_list(frames))
        log.critical("%s hangs: %s, and is in:\n%s", held_up.subject, what, stack)


def shown(frames: Sequence[FrameSummary]) -> str:
    """Return the innermost frames of a stack, the outer first, from where the code of a plugin
    begins.
    """
    own: list[FrameSummary] = []
    for frame in reversed(frames):
        if frame.filename == discovery.__file__:
            break
        if not frame.filename.startswith("<frozen"):
            own.append(frame)
    innermost = own[:SHOWN_FRAMES]
    return " > ".join(
        f"{Path(frame.filename).name}:{frame.lineno} ({frame.name})"
        for frame in reversed(innermost)
    )
