"""Readers: the threads of a worker that take calls from the queue, carry them out and finish them, and the heartbeat."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec

from .call import Call, decode
from .running import Outcome, run
from .store import FAILURES, GROUP, text

if TYPE_CHECKING:
    from .queue import RedisQueue

log = logging.getLogger("hansa.queue")
BLOCK = 1.0
PAUSE = 1.0
TICK = 0.25
FORGET = 3600.0


class Message:
    """One delivery of a call to this worker: `delivery` counts the workers that had it, and is the fence with the holder."""

    __slots__ = ("data", "delivery", "identifier")

    def __init__(self, identifier: str, data: bytes, delivery: int) -> None:
        self.identifier, self.data, self.delivery = identifier, data, delivery


class Readers:
    """Reading threads. Each has one message at a time, so that what is counted as an attempt is one that was begun.

    PERF: what finishes a message brings the next one, in one round trip.
    """

    def __init__(self, queue: RedisQueue) -> None:
        self.queue, self.store, self.holder = queue, queue.store, queue.holder
        self.lease = queue.section.lease
        self._stopped, self._idle = threading.Event(), threading.Event()
        self._mine: dict[str, int] = {}
        self._threads: list[threading.Thread] = []
        self._tender: threading.Thread | None = None
        self._next_claim = 0.0
        self._keys = [
            self.store.stream,
            self.store.counts,
            self.store.delayed,
            self.store.failed,
            self.store.failed_calls,
            self.store.failed_infos,
        ]

    def start(self) -> None:
        """Start reading."""
        for index in range(self.queue.section.async_threads):
            self._threads.append(
                threading.Thread(target=self._read, name=f"async-{index}", daemon=True)
            )
        self._tender = threading.Thread(target=self._tend, name="async-heartbeat", daemon=True)
        for thread in (*self._threads, self._tender):
            thread.start()

    def stop(self, grace: float) -> None:
        """Read no more, wait up to `grace` seconds, then leave what still runs to others at once."""
        self._stopped.set()
        deadline = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._idle.set()
        if self._tender is not None:
            self._tender.join(5.0)
        try:
            self._hold(idle=self.lease)
            self.store.forget_consumers(
                keys=[self.store.stream], args=[int(FORGET * 1000), self.holder]
            )
        except FAILURES as error:
            log.warning("what still runs is given to others only after %g s: %s", self.lease, error)

    # -- reading -----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        ready = False
        while not self._stopped.is_set():
            try:
                if not ready:
                    self.store.prepare()
                    ready = True
                message = self._claim() or self._wait()
                while message is not None:
                    message = self._carry_out(message)
            except Exception as error:
                expected = isinstance(error, FAILURES)
                log.warning(
                    "the asynchronous queue is not reachable: %s",
                    error,
                    exc_info=None if expected else error,
                )
                ready = False
                self._stopped.wait(PAUSE)

    def _wait(self) -> Message | None:
        answer = self.store.redis.xreadgroup(
            GROUP, self.holder, {self.store.stream: ">"}, count=1, block=int(BLOCK * 1000)
        )
        for _, entries in answer or ():
            for identifier, fields in entries:
                return Message(identifier.decode(), fields[b"call"], 1)
        return None

    def _claim(self) -> Message | None:
        """A message whose worker has shown no sign of life for a lease, if there is one; looked for now and then."""
        now = time.monotonic()
        if now < self._next_claim:
            return None
        self._next_claim = now + min(2.0, self.lease / 4)
        found = self.store.claim(
            keys=[self.store.stream], args=[self.holder, int(self.lease * 1000)]
        )
        if not found:
            return None
        self._next_claim = 0.0  # there may be more
        identifier, fields, delivery, owner = found
        log.warning(
            "taking over call %s from %s, which gives no sign of life",
            text(identifier),
            text(owner),
        )
        return Message(text(identifier), fields[1], int(delivery))

    def _carry_out(self, message: Message) -> Message | None:
        """Run a call and finish it; gives the next message, if one was there."""
        self._mine[message.identifier] = message.delivery
        try:
            try:
                call = decode(message.data)
            except msgspec.MsgspecError as error:
                call = Call("?", raw=message.data)
                outcome = Outcome.unreadable(call, error)
            else:
                outcome = run(self.queue, call, message.delivery)
            return self._finish(message, call, outcome)
        finally:
            self._mine.pop(message.identifier, None)

    def _finish(self, message: Message, call: Call, outcome: Outcome) -> Message | None:
        """Commit an outcome, as long as the message is still ours; waits for Redis to come back while it is away."""
        if outcome.word == "done" and call.report is None and not outcome.more:
            script, keys, rest = self.store.done, self._keys[:2], []
        else:
            script, keys = (
                self.store.finish,
                [*self._keys, self.store.group(call.report.group if call.report else "")],
            )
            rest = [
                outcome.word,
                int(outcome.delay * 1000),
                outcome.call,
                outcome.info,
                self.queue.max_queued,
            ]
            rest += [outcome.target, outcome.result, *outcome.more]
        again = 0
        while True:
            on = 0 if self._stopped.is_set() or time.monotonic() >= self._next_claim else 1
            try:
                head = [self.holder, message.identifier, message.delivery, again, on]
                status, found = script(keys=keys, args=[*head, *rest])
                break
            except FAILURES as error:
                if not again:
                    log.warning(
                        "the outcome of call %s waits for Redis: %s", message.identifier, error
                    )
                again = 1
                if self._idle.wait(PAUSE):
                    raise
        if status == 0:
            log.error(
                "the outcome of call %s of %s (cid %s) was refused: another worker has taken it over",
                message.identifier,
                call.service,
                call.cid,
            )
        return Message(text(found[0]), found[1][1], 1) if found else None

    # -- the heartbeat -----------------------------------------------------------------------------------------------

    def _hold(self, idle: float = 0.0) -> None:
        held = list(self._mine.items())
        if held:
            flat: list[Any] = [part for pair in held for part in pair]
            lost = self.store.hold(
                keys=[self.store.stream], args=[self.holder, int(idle * 1000), *flat]
            )
            for identifier in lost:
                if self._mine.pop(text(identifier), None):
                    log.error(
                        "call %s was taken over by another worker while it ran here",
                        text(identifier),
                    )

    def _tend(self) -> None:
        """Keep what runs here, also while stopping, and bring back what was to wait."""
        beat = forget = time.monotonic()
        while not self._idle.wait(TICK):
            try:
                now = time.monotonic()
                if now >= beat:
                    beat = now + self.lease / 4
                    self._hold()
                while self.store.move_due(keys=[self.store.delayed, self.store.stream]) == 100:
                    pass
                if now >= forget:
                    forget = now + FORGET / 60
                    self.store.prepare()
                    self.store.forget_consumers(
                        keys=[self.store.stream], args=[int(FORGET * 1000), ""]
                    )
            except Exception as error:
                expected = isinstance(error, FAILURES)
                log.warning(
                    "the heartbeat of the queue fails: %s",
                    error,
                    exc_info=None if expected else error,
                )
                self._idle.wait(PAUSE)
