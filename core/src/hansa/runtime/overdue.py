"""Calls, and starts of objects, that take longer than they should: each is logged once, with the
stack of its thread.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..contract.service import current_cid
from ..foundation.frames import thread_frames
from ..foundation.starts import Starts
from .inflight import Call, InFlight
from .managed import ManagedObject, start_of
from .watch import LimitWatch

if TYPE_CHECKING:
    from asyncio import Task

log = logging.getLogger("hansa.overdue")

LOOK = 1.0
"""Seconds between two looks, at most."""


def stack_of_task(task: Task[Any]) -> str:
    """Return where a task of the event loop waits, the outermost call first."""
    lines: list[str] = []
    waiting: object = task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None:
            lines += traceback.format_list(traceback.extract_stack(frame, 1))
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return "".join(lines)


class OverdueCalls(LimitWatch):
    """Tells of the calls of one worker that have been running for longer than `limit` seconds; of
    none, if that is 0.
    """

    def __init__(self, inflight: InFlight, limit: float) -> None:
        super().__init__("overdue calls", limit)
        self._inflight = inflight
        self._told: set[Call] = set()

    def look(self) -> float:
        """Log the calls that are over the limit and were not logged before.

        Of calls inside each other, only the outermost is logged.
        """
        oldest = time.monotonic() - self._limit
        overdue: dict[object, Call] = {}
        for call in sorted(self._inflight.requests.values(), key=lambda call: call.began):
            if call.began <= oldest:
                overdue.setdefault(call.thread, call)
        frames = thread_frames()
        for call in overdue.values():
            if call in self._told:
                continue
            if not isinstance(call.thread, int):
                self._tell(call, stack_of_task(call.thread))
            elif call.thread in frames:
                self._tell(call, "".join(traceback.format_stack(frames[call.thread])))
        self._told = set(overdue.values())
        return min(LOOK, self._limit)

    def _tell(self, call: Call, stack: str) -> None:
        binding = call.request.channel
        service = binding.name if binding is not None else "a service"
        token = current_cid.set(call.request.cid)
        try:
            seconds = time.monotonic() - call.began
            log.warning(
                "%s has been running for %.0f s, at the moment in:\n%s", service, seconds, stack
            )
        finally:
            current_cid.reset(token)


@dataclass(eq=False, slots=True)
class _Start:
    """A start of an object under way: what the journal calls it, since when, by `time.monotonic()`,
    and in which thread.
    """

    managed: ManagedObject
    subject: str
    began: float
    thread: int
    is_told: bool = False


class OverdueStarts(LimitWatch):
    """Tells of the starts of one worker's objects that have not returned after `limit` seconds; of
    none, if that is 0.

    The state of the object then has the reason, and `settled`, if it is given, is called. What ends
    the worker from then on is not laid to the start in `starts`.
    """

    def __init__(
        self, limit: float, starts: Starts, settled: Callable[[], None] | None = None
    ) -> None:
        super().__init__("overdue starts", limit)
        self._starts = starts
        self._settled = settled
        self._under_way: set[_Start] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def noted(self, managed: ManagedObject) -> Iterator[None]:
        """Count this block as the start of an object."""
        subject = start_of(managed.record)
        start = _Start(managed, subject, time.monotonic(), threading.get_ident())
        with self._lock:
            self._under_way.add(start)
        try:
            yield
        finally:
            # the state of the object is set once this has passed, and not by `look` any more
            with self._lock:
                self._under_way.discard(start)

    def look(self) -> float:
        """Log the starts that are over the limit and were not logged before."""
        oldest = time.monotonic() - self._limit
        with self._lock:
            overdue = [start for start in self._under_way if start.began <= oldest]
            for start in overdue:
                start.managed.become("starting", self._why)
        new = [start for start in overdue if not start.is_told]
        for start in new:
            self._tell(start)
        if new and self._settled is not None:
            self._settled()
        return min(LOOK, self._limit)

    @property
    def _why(self) -> str:
        return f"its start has not returned for over {self._limit:g} s"

    def _tell(self, start: _Start) -> None:
        start.is_told = True
        self._starts.excuse(start.subject)
        frame = thread_frames().get(start.thread)
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "it has returned"
        key = start.managed.record.key
        log.warning("%s %s %r: %s, at the moment it is in:\n%s", *key, self._why, stack)
