"""What each thread of this process executes at the moment."""

from __future__ import annotations

import gc
import sys
from types import FrameType


def thread_frames() -> dict[int, FrameType]:
    """Return the frame of each thread by the thread's number.

    Python 3.11 may lock up for ever if it collects garbage meanwhile: `sys._current_frames`
    holds a lock that the end of a `threading.local` needs.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if was_enabled:
            gc.enable()
