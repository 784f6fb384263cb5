"""Gate: how many messages of a channel one worker handles at a time, how many wait, and threads that outlast their deadline."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from typing import Any

from hansa import Request, Response, TimedOut, Unavailable

log = logging.getLogger("hansa.limits")
PATIENCE = 60.0
MOST_OVERDUE = 64


class Gate:
    """The door of one channel in one worker; it outlives edits of the channel, and so do the messages counted here.

    `running` messages are being handled, those among them that are `overdue` have had their caller told so, `waiting` ones wait
    to be handled, `refused` counts those for which there was no room.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.running = self.waiting = self.overdue = self.refused = 0
        self._changed = threading.Condition()

    def enter(self, most: int, may_wait: int, patience: float) -> None:
        """Come in, perhaps after waiting for so many seconds; 0 for `most` sets no limit. Raises `Unavailable`."""
        with self._changed:
            if self.overdue >= MOST_OVERDUE:
                raise self._refusal(
                    f"{self.overdue} messages are still handled after their deadline"
                )
            if most and self.running >= most:
                if self.waiting >= may_wait:
                    raise self._refusal(f"it handles {self.running} messages, as many as it may")
                self.waiting += 1
                try:
                    if not self._changed.wait_for(lambda: self.running < most, patience):
                        raise self._refusal(f"no room was made within {patience:g} s")
                finally:
                    self.waiting -= 1
            self.running += 1

    def leave(self, overdue: bool = False) -> None:
        """Go out, and let one of those who wait come in."""
        with self._changed:
            self.running -= 1
            self.overdue -= overdue
            self._changed.notify()

    def late(self, change: int) -> None:
        """Count a message whose deadline has passed."""
        with self._changed:
            self.overdue += change

    def _refusal(self, why: str) -> Unavailable:
        self.refused += 1
        return Unavailable(f"the channel {self.name} is busy: {why}")


def limited(gate: Gate, most: int, may_wait: int, call: Any) -> Any:
    """Wrap a call so that no more than so many run, and wait, at a time."""

    def enter(request: Request) -> Response:
        gate.enter(most, may_wait, PATIENCE)
        try:
            response: Response = call(request)
            return response
        finally:
            gate.leave()

    return enter


def timed(gate: Gate, most: int, may_wait: int, seconds: float, call: Any) -> Any:
    """The same, with a deadline: `TimedOut` is raised once it has passed, while the call goes on and stays counted."""

    def run(request: Request) -> Response:
        until = time.monotonic() + seconds
        gate.enter(most, may_wait, seconds)
        one = _Run(gate, call, request)
        try:
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(one.work,),
                name="deadline",
                daemon=True,
            ).start()
        except RuntimeError as error:
            gate.leave()
            raise Unavailable(f"the channel {gate.name} got no thread: {error}") from error
        return one.wait(until, seconds)

    return run


class _Run:
    """One call in a thread of its own."""

    def __init__(self, gate: Gate, call: Any, request: Request) -> None:
        self.gate, self.call, self.request = gate, call, request
        self.began = time.monotonic()
        self.ended = threading.Event()
        self.overdue = False
        self.response: Any = None
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
            log.warning(
                "%s: the message %s, whose deadline had passed, was handled after %.1f s: %s",
                self.gate.name,
                self.request.cid,
                time.monotonic() - self.began,
                f"{type(self.error).__name__}: {self.error}" if self.error else "done",
            )
        self.gate.leave(self.overdue)

    def wait(self, until: float, seconds: float) -> Response:
        """What the call gives or raises; raises `TimedOut` if it has not ended by then."""
        self.ended.wait(until - time.monotonic())
        with self._lock:
            if not self.ended.is_set():
                self.overdue = True
                self.gate.late(1)
                raise TimedOut(f"the service did not answer within {seconds:g} s")
        if self.error is not None:
            raise self.error
        response: Response = self.response
        return response
