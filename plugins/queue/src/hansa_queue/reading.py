"""The threads of a worker that take calls from the queue, run them and finish them, and the
heartbeat that keeps them.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from .call import UNREADABLE, Call, decode
from .committing import Committing
from .in_hand import Claim, Commit, InHand, Message, Run, Seek, Step
from .running import Disposition, run
from .store import FAILURES, GROUP, ScriptArgument, text, warn

if TYPE_CHECKING:
    from .queue import RedisQueue

log = logging.getLogger("hansa.queue")
BLOCK = 1.0
"""Seconds that a reading thread waits in Redis for a call."""
PAUSE = 1.0
"""Seconds before Redis is asked again after it failed."""
OVERDUE = 0.25
"""Seconds after which a call that was read ahead and is not begun is left to other workers."""
TICK = 0.25
"""Seconds between two looks of the heartbeat at what is due."""
FORGET = 3600.0
"""Seconds without a call after which the name of a reader is forgotten."""
SAMPLE_PAUSE = 10.0
"""Seconds between two samples of the counts, for the rates of the last minute."""
SAMPLES = 7
"""Samples of the counts that are kept."""
CLAIM_PAUSE = 2.0
"""Seconds between two looks for calls of workers that died, at most."""
LOOK_EACH = 2
"""Ticks between two looks for delayed calls, unless one is known to be due before."""
DUE_AT_ONCE = 100
"""Delayed calls that the script moves at most in one step."""


class Readers:
    """Reading threads, which share what their worker has in hand.

    What is taken counts as an attempt, since it is begun within milliseconds; what is not goes back.
    """

    def __init__(self, queue: RedisQueue) -> None:
        self.queue = queue
        self.store = queue.store
        self.holder = queue.holder
        self.lease = queue.section.lease
        self._hand = InHand(queue.section.async_threads)
        self._committing = Committing(queue, self._hand, PAUSE)
        self._stopped = threading.Event()
        self._idle = threading.Event()
        self._look_at = 0.0
        self._threads: list[threading.Thread] = []
        self._heartbeat: threading.Thread | None = None

    def start(self) -> None:
        """Start the threads."""
        for index in range(self.queue.section.async_threads):
            name = f"async-{index}"
            self._threads.append(threading.Thread(target=self._read, name=name, daemon=True))
        self._heartbeat = threading.Thread(target=self._beat, name="async-heartbeat", daemon=True)
        for thread in (*self._threads, self._heartbeat):
            thread.start()

    def stop(self, grace: float) -> None:
        """Read no more, wait up to `grace` seconds, then leave what still runs to other workers at
        once.
        """
        self._stopped.set()
        self._hand.stop()
        deadline = time.monotonic() + grace
        try:
            self._committing.give_back()
        except FAILURES as error:
            log.warning("what was not begun is left to other workers later: %s", error)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._idle.set()
        self._committing.give_up()
        if self._heartbeat is not None:
            self._heartbeat.join(5.0)
        try:
            self._committing.give_back()
            self._renew(idle=self.lease)
            self._forget_consumers(self.holder)
        except FAILURES as error:
            log.warning(
                "what still runs is left to other workers only after %g s: %s", self.lease, error
            )

    # -- reading -----------------------------------------------------------------------------------

    def _read(self) -> None:
        prepared = False
        while True:
            try:
                if not prepared:
                    self.store.prepare()
                    prepared = True
                step = self._hand.next_step()
                if step is None:
                    return
                self._take(step)
            except Exception as error:
                self._committing.note_lost_answer()
                if self._stopped.is_set():
                    return
                warn("the asynchronous queue is not reachable", error)
                prepared = False
                self._stopped.wait(PAUSE)

    def _take(self, step: Step) -> None:
        """Do what is to be done next."""
        if isinstance(step, Commit):
            self._committing.commit(step)
            return
        message = self._message(step)
        if message is not None:
            self._carry_out(message)

    def _message(self, step: Run | Claim | Seek) -> Message | None:
        """Return the call to run in this step, if there is one."""
        if isinstance(step, Run):
            return step.message
        return self._claim() if isinstance(step, Claim) else self._wait()

    def _wait(self) -> Message | None:
        """Wait for a call that no worker had yet; None if none comes in time."""
        message = None
        try:
            block = self._hand.wait_before_claim(BLOCK)
            answer: Any = self.store.redis.xreadgroup(
                GROUP, self.holder, {self.store.stream: ">"}, count=1, block=int(block * 1000)
            )
            for _, entries in answer or ():
                for identifier, fields in entries:
                    message = Message(identifier.decode(), fields.get(b"call", b""), 1)
        finally:
            self._hand.found(message)
        return message

    def _claim(self) -> Message | None:
        """Take a call whose worker has not renewed it for a lease, if there is one; looked for now
        and then.
        """
        message = None
        try:
            arguments: list[ScriptArgument] = [self.holder, int(self.lease * 1000)]
            found = self.store.claim(keys=[self.store.stream], args=arguments)
            if found:
                identifier, fields, delivery, owner = found
                message = Message(text(identifier), fields[1], int(delivery))
                self._report_claim(message, text(owner))
        finally:
            self._hand.claimed(message, min(CLAIM_PAUSE, self.lease / 4))
        return message

    def _report_claim(self, message: Message, owner: str) -> None:
        if message.delivery == 1:
            log.info("taking call %s, which %s has not begun", message.identifier, owner)
        else:
            log.warning(
                "taking over call %s from %s, which has not renewed it", message.identifier, owner
            )

    def _carry_out(self, message: Message) -> None:
        """Run a call, and have Redis told what becomes of it."""
        began = time.monotonic()
        try:
            call, disposition = self._run(message)
        except BaseException:
            self._hand.abandoned([message])
            raise
        if disposition.ends_quietly and call.report is None:
            # PERF: most calls end so, and share a round trip
            self._hand.ended(message, call, time.monotonic() - began)
        else:
            self._committing.settle(message, call, disposition)

    def _run(self, message: Message) -> tuple[Call, Disposition]:
        """Run a call; returns it, and what becomes of it."""
        try:
            call = decode(message.data)
        except UNREADABLE as error:
            call = Call("?", raw=message.data)
            return call, Disposition.unreadable(call, error)
        return call, run(self.queue, call, message.delivery)

    # -- the heartbeat -----------------------------------------------------------------------------

    def _beat(self) -> None:
        """Renew what runs here, also while stopping, and move delayed calls that are due into the
        stream.
        """
        renew_at = time.monotonic()
        forget_at = renew_at
        while not self._idle.wait(TICK):
            try:
                now = time.monotonic()
                if now >= renew_at:
                    renew_at = now + self.lease / 4
                    self._renew()
                    self._sample()
                self._committing.give_back(OVERDUE)
                self._committing.give_back_unknown()
                if now >= self._look_at:
                    self._move_due()
                if now >= forget_at:
                    forget_at = now + FORGET / 60
                    self.store.prepare()
                    self._forget_consumers("")
            except Exception as error:
                self._committing.note_lost_answer()
                warn("the heartbeat of the queue fails", error)
                self._idle.wait(PAUSE)

    def _renew(self, idle: float = 0.0) -> None:
        """Say that the calls held here are alive, or have been idle for some seconds; those that
        were taken over are dropped.
        """
        self._committing.renew(idle)

    def _sample(self) -> None:
        """Keep the counts as they are now, unless a worker did so a moment ago."""
        keys = [self.store.samples, self.store.counts]
        self.store.sample(keys=keys, args=[int(SAMPLE_PAUSE * 1000), SAMPLES])

    def _move_due(self) -> None:
        """Move delayed calls that are due into the stream, and wake the upkeep if there is something
        to do for it: one question to Redis for both.
        """
        store = self.store
        self._look_at = time.monotonic() + LOOK_EACH * TICK
        keys = [store.delayed, store.stream, store.removals, store.active_replays]
        moved = DUE_AT_ONCE
        while moved == DUE_AT_ONCE:
            moved, left, is_upkeep_wanted = store.move_due(keys=keys)
            if is_upkeep_wanted:
                self.queue.upkeep.wake()
        if left >= 0:
            self.look_in(left / 1000)

    def look_in(self, seconds: float) -> None:
        """Have the heartbeat look for delayed calls that are due after so many seconds: one will be."""
        self._look_at = min(self._look_at, time.monotonic() + seconds)

    def _forget_consumers(self, leaving: str) -> None:
        """Forget the names of readers that have had no call for an hour, and of the one that
        leaves.
        """
        arguments: list[ScriptArgument] = [int(FORGET * 1000), leaving]
        self.store.forget_consumers(keys=[self.store.stream], args=arguments)
