"""Gate: how many messages of a channel one worker handles at a time, how many wait, and threads
that outlast their deadline.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time

from hansa import Dispatch, Request, Response, TimedOut, Unavailable, deadline, time_left

from .settings import Limits

log = logging.getLogger("hansa.limits")
PATIENCE = 60.0
"""Maximum seconds that a message waits at a gate without a deadline."""
MOST_OVERDUE = 64
"""Maximum messages of a channel that are still handled after their deadline."""


class Gate:
    """The gate of one channel in one worker; it outlives edits of the channel, and so do the
    messages counted here.

    `running` messages are being handled; for those among them that are `overdue` the caller was
    already answered; `waiting` ones wait to be handled; `refused` counts those for which there was
    no room.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.running = 0
        self.waiting = 0
        self.overdue = 0
        self.refused = 0
        self._changed = threading.Condition()

    def enter(self, max_concurrent: int, max_waiting: int, patience: float) -> None:
        """Count a message in, after waiting up to `patience` seconds; 0 for `max_concurrent` sets
        no limit.

        Raises `Unavailable` if there is no room.
        """
        with self._changed:
            if self.overdue >= MOST_OVERDUE:
                raise self._refusal(
                    f"{self.overdue} messages are still handled after their deadline"
                )
            if max_concurrent and self.running >= max_concurrent:
                self._wait(max_concurrent, max_waiting, patience)
            self.running += 1

    def _wait(self, max_concurrent: int, max_waiting: int, patience: float) -> None:
        if self.waiting >= max_waiting:
            raise self._refusal(f"it handles {self.running} messages, as many as it may")
        self.waiting += 1
        try:
            has_room = self._changed.wait_for(lambda: self.running < max_concurrent, patience)
        finally:
            self.waiting -= 1
        if not has_room:
            raise self._refusal(f"no room was made within {patience:g} s")

    def leave(self, overdue: bool = False) -> None:
        """Count a message out, and let one of those that wait come in."""
        with self._changed:
            self.running -= 1
            if overdue:
                self.overdue -= 1
            self._changed.notify()

    def exceeded(self) -> None:
        """Count a message whose deadline has passed; it is still running."""
        with self._changed:
            self.overdue += 1

    def _refusal(self, why: str) -> Unavailable:
        self.refused += 1
        return Unavailable(f"the channel {self.name} is busy: {why}")


def limited(gate: Gate, limits: Limits, call: Dispatch) -> Dispatch:
    """Wrap a call so that no more messages run, and wait, at a time than the limits say."""
    max_concurrent = limits.max_concurrent
    max_waiting = limits.max_waiting

    def enter(request: Request) -> Response:
        gate.enter(max_concurrent, max_waiting, PATIENCE)
        try:
            return call(request)
        finally:
            gate.leave()

    return enter


def cancelled(gate: Gate, limits: Limits, call: Dispatch) -> Dispatch:
    """Do the same for a service on the event loop, which is cancelled at its deadline: `TimedOut` is
    raised, and nothing goes on.
    """
    max_concurrent = limits.max_concurrent
    max_waiting = limits.max_waiting
    seconds = limits.timeout

    def call_in_time(request: Request) -> Response:
        with deadline(seconds):
            gate.enter(max_concurrent, max_waiting, seconds)
            try:
                return call(request)
            except TimedOut:
                if time_left():
                    raise
                raise TimedOut(f"the service did not answer within {seconds:g} s") from None
            finally:
                gate.leave()

    return call_in_time


def timed(gate: Gate, limits: Limits, call: Dispatch) -> Dispatch:
    """Do the same, with a deadline: `TimedOut` is raised once it has passed, while the call goes on
    and stays counted.
    """
    max_concurrent = limits.max_concurrent
    max_waiting = limits.max_waiting
    seconds = limits.timeout

    def call_in_time(request: Request) -> Response:
        until = time.monotonic() + seconds
        gate.enter(max_concurrent, max_waiting, seconds)
        running = _Run(gate, call, request)
        # what the thread knows of this message, such as its correlation id, it knows by context
        # variables
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(running.work,), name="deadline", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            gate.leave()
            raise Unavailable(f"the channel {gate.name} got no thread: {error}") from error
        return running.wait(until, seconds)

    return call_in_time


class _Run:
    """One call in a thread of its own."""

    def __init__(self, gate: Gate, call: Dispatch, request: Request) -> None:
        self.gate = gate
        self.call = call
        self.request = request
        self.began = time.monotonic()
        self.ended = threading.Event()
        self.overdue = False
        self.response: Response | None = None
        self.error: BaseException | None = None
        self._lock = threading.Lock()

    def work(self) -> None:
        """Make the call, whatever comes of it."""
        try:
            self.response = self.call(self.request)
        except BaseException as error:  # raised again where it is waited for
            self.error = error
        with self._lock:
            self.ended.set()
        if self.overdue:
            self._log_late_end()
        self.gate.leave(self.overdue)

    def _log_late_end(self) -> None:
        error = self.error
        log.warning(
            "%s: the message %s, whose deadline had passed, was handled after %.1f s: %s",
            self.gate.name,
            self.request.cid,
            time.monotonic() - self.began,
            f"{type(error).__name__}: {error}" if error else "done",
        )

    def wait(self, until: float, seconds: float) -> Response:
        """Return or raise what the call does; raises `TimedOut` if it has not ended by then."""
        self.ended.wait(until - time.monotonic())
        with self._lock:
            if not self.ended.is_set():
                self.overdue = True
                self.gate.exceeded()
                raise TimedOut(f"the service did not answer within {seconds:g} s")
        if self.error is not None:
            raise self.error
        assert self.response is not None
        return self.response
