"""The event loop of a worker, watched: what blocks it is logged by the name of its service, and a worker
whose loop stands still is not ready, and replaced in the end.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType

from ..contract.service import Service
from ..foundation.event_loop import event_loop
from ..foundation.frames import thread_frames
from .watch import LimitWatch

log = logging.getLogger("hansa.event_loop")

IDLE = 60.0
"""Seconds between looks while nothing runs on the loop; what begins there ends the pause."""
UNREADY = 2.0
"""Seconds after which a worker is not ready whose loop is blocked."""
STUCK = 60.0
"""Seconds after which it is replaced; after as many again it asks once more."""

Step = tuple[int, FrameType]
"""What has the loop: how many steps there were before, and the outermost frame of this one."""


def frames_of(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame and those around it, the innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def step_of(frame: FrameType | None) -> Step | None:
    """Return what has the loop, by the frame of its thread; None while it waits for events."""
    outermost: FrameType | None = None
    for each in frames_of(frame):
        outermost = each
        # of asyncio: one callback, or one step of a task
        if each.f_code.co_name == "_run" and each.f_code.co_filename.endswith("events.py"):
            return event_loop.steps, each
        if each.f_code.co_name == "run_forever":
            return None
    # a greenlet has no frames of the loop around it
    return None if outermost is None else (event_loop.steps, outermost)


def service_in(frame: FrameType | None) -> str:
    """Return the name of the service that runs in a frame, or around it."""
    for each in frames_of(frame):
        service = each.f_locals.get("self")
        if isinstance(service, Service):
            binding = service.request.channel
            return type(service).get_name() if binding is None else binding.name
    return "a task"


class BlockedLoop(LimitWatch):
    """Tells what keeps the event loop for longer than `limit` seconds, once for each time; nothing, if
    that is 0.

    `fault` says why the worker is not ready, and is empty while it is.
    """

    def __init__(self, limit: float, replace: Callable[[str], None]) -> None:
        super().__init__("event loop watch", limit)
        self.fault = ""
        self._replace = replace
        self._step: Step | None = None
        self._since = 0.0
        self._is_told = False
        self._asked = 0.0

    def look(self) -> float:
        """Look whether the loop has gone on since the last look."""
        if not event_loop.in_hand and not event_loop.busy.is_set():
            self._note(None)
            event_loop.busy.wait(IDLE)
            return 0.0
        event_loop.busy.clear()
        frame = thread_frames().get(event_loop.thread)
        step = step_of(frame)
        if step is None or step != self._step:
            self._note(step)
        else:
            self._judge(frame, time.monotonic() - self._since)
        return self._limit / 4

    def _note(self, step: Step | None) -> None:
        self._step = step
        self._since = time.monotonic()
        self._is_told = False
        self._asked = 0.0
        self.fault = ""

    def _judge(self, frame: FrameType | None, seconds: float) -> None:
        if seconds < self._limit:
            return
        if not self._is_told:
            self._is_told = True
            stack = "".join(traceback.format_stack(frame))
            log.warning(
                "%s has blocked the event loop for %.2f s, which other services wait for, at the "
                "moment in:\n%s",
                service_in(frame),
                seconds,
                stack,
            )
        if seconds >= UNREADY:
            self.fault = f"its event loop is blocked by {service_in(frame)}"
        if seconds - self._asked >= STUCK:
            self._asked = seconds
            self._replace(f"{self.fault} for {seconds:.0f} s")
