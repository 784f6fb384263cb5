"""The threads of a worker that take calls from the queue, run them and finish them, and the
heartbeat that keeps them.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from redis.commands.core import Script

from .call import Call, decode
from .running import Disposition, run
from .store import FAILURES, GROUP, ScriptArgument, text, warn

if TYPE_CHECKING:
    from .queue import RedisQueue

log = logging.getLogger("hansa.queue")
BLOCK = 1.0
"""Seconds that a reading thread waits in Redis for a call."""
PAUSE = 1.0
"""Seconds before Redis is asked again after it failed."""
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
DUE_AT_ONCE = 100
"""Delayed calls that the script moves at most in one step."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a call to this worker; `delivery` counts deliveries, and is the fence
    together with the holder.
    """

    identifier: str
    data: bytes
    delivery: int


class Readers:
    """Reading threads. Each has one message at a time, so that what counts as an attempt was begun.

    PERF: the script that finishes a message returns the next one: one round trip for each call
    instead of two.
    """

    def __init__(self, queue: RedisQueue) -> None:
        self.queue = queue
        self.store = queue.store
        self.holder = queue.holder
        self.lease = queue.section.lease
        self._stopped = threading.Event()
        self._idle = threading.Event()
        self._held: dict[str, int] = {}
        self._threads: list[threading.Thread] = []
        self._heartbeat: threading.Thread | None = None
        self._next_claim = 0.0
        store = queue.store
        self._done_keys = [store.stream, store.counts]
        self._finish_keys = [
            store.stream,
            store.counts,
            store.delayed,
            *store.failed_keys,
        ]

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
        deadline = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._idle.set()
        if self._heartbeat is not None:
            self._heartbeat.join(5.0)
        try:
            self._renew(idle=self.lease)
            self._forget_consumers(self.holder)
        except FAILURES as error:
            log.warning(
                "what still runs is left to other workers only after %g s: %s", self.lease, error
            )

    # -- reading -----------------------------------------------------------------------------------

    def _read(self) -> None:
        prepared = False
        while not self._stopped.is_set():
            try:
                if not prepared:
                    self.store.prepare()
                    prepared = True
                message = self._claim() or self._wait()
                while message is not None:
                    message = self._carry_out(message)
            except Exception as error:
                warn("the asynchronous queue is not reachable", error)
                prepared = False
                self._stopped.wait(PAUSE)

    def _wait(self) -> Message | None:
        """Wait for a call that no worker had yet; None if none comes in time."""
        block = int(BLOCK * 1000)
        answer: Any = self.store.redis.xreadgroup(
            GROUP, self.holder, {self.store.stream: ">"}, count=1, block=block
        )
        for _, entries in answer or ():
            for identifier, fields in entries:
                return Message(identifier.decode(), fields[b"call"], 1)
        return None

    def _claim(self) -> Message | None:
        """Take a call whose worker has not renewed it for a lease, if there is one; looked for now
        and then.
        """
        now = time.monotonic()
        if now < self._next_claim:
            return None
        self._next_claim = now + min(CLAIM_PAUSE, self.lease / 4)
        arguments: list[ScriptArgument] = [self.holder, int(self.lease * 1000)]
        found = self.store.claim(keys=[self.store.stream], args=arguments)
        if not found:
            return None
        self._next_claim = 0.0  # there may be more
        identifier, fields, delivery, owner = found
        log.warning(
            "taking over call %s from %s, which has not renewed it", text(identifier), text(owner)
        )
        return Message(text(identifier), fields[1], int(delivery))

    def _carry_out(self, message: Message) -> Message | None:
        """Run a call and finish it; returns the next message, if there was one."""
        self._held[message.identifier] = message.delivery
        try:
            try:
                call = decode(message.data)
            except msgspec.MsgspecError as error:
                call = Call("?", raw=message.data)
                disposition = Disposition.unreadable(call, error)
            else:
                disposition = run(self.queue, call, message.delivery)
            return self._finish(message, call, disposition)
        finally:
            self._held.pop(message.identifier, None)

    def _finish(self, message: Message, call: Call, disposition: Disposition) -> Message | None:
        """Commit what becomes of a call, as long as the message is still ours; returns the next
        message, if there was one.
        """
        if disposition.ends_quietly and call.report is None:
            # PERF: most calls end so, and need neither the other keys nor the other arguments
            status, found = self._commit(message, self.store.done, self._done_keys, [])
        else:
            group = call.report.group if call.report is not None else ""
            replay, _, _ = self.store.replay_keys(disposition.replay)
            keys = [*self._finish_keys, self.store.group(group), replay]
            arguments: list[ScriptArgument] = [
                disposition.word,
                int(disposition.delay * 1000),
                disposition.call,
                disposition.info,
                self.queue.max_queued,
                disposition.target,
                disposition.result,
                *disposition.placement,
                disposition.replay,
                *disposition.further,
            ]
            status, found = self._commit(message, self.store.finish, keys, arguments)
        if status == 0:
            log.error(
                "the outcome of call %s of %s (cid %s) was refused: another worker has taken it over",
                message.identifier,
                call.service,
                call.cid,
            )
        if not found:
            return None
        identifier, fields = found
        return Message(text(identifier), fields[1], 1)

    def _commit(
        self, message: Message, script: Script, keys: list[str], arguments: list[ScriptArgument]
    ) -> tuple[int, Any]:
        """Run a finishing script, waiting for Redis to come back while it is away; returns its
        status, and the next entry.
        """
        asked_before = 0
        while True:
            read_on = not self._stopped.is_set() and time.monotonic() < self._next_claim
            fence: list[ScriptArgument] = [
                self.holder,
                message.identifier,
                message.delivery,
                asked_before,
                int(read_on),
            ]
            try:
                status, found = script(keys=keys, args=[*fence, *arguments])
                return int(status), found
            except FAILURES as error:
                if not asked_before:
                    log.warning(
                        "the outcome of call %s waits for Redis: %s", message.identifier, error
                    )
                asked_before = 1
                if self._idle.wait(PAUSE):
                    raise

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
                self._move_due()
                if now >= forget_at:
                    forget_at = now + FORGET / 60
                    self.store.prepare()
                    self._forget_consumers("")
            except Exception as error:
                warn("the heartbeat of the queue fails", error)
                self._idle.wait(PAUSE)

    def _renew(self, idle: float = 0.0) -> None:
        """Say that the calls held here are alive, or have been idle for some seconds; those that
        were taken over are dropped.
        """
        held = list(self._held.items())
        if not held:
            return
        arguments: list[ScriptArgument] = [self.holder, int(idle * 1000)]
        for identifier, delivery in held:
            arguments += [identifier, delivery]
        for lost in self.store.hold(keys=[self.store.stream], args=arguments):
            if self._held.pop(text(lost), None):
                log.error("call %s was taken over by another worker while it ran here", text(lost))

    def _sample(self) -> None:
        """Keep the counts as they are now, unless a worker did so a moment ago."""
        keys = [self.store.samples, self.store.counts]
        self.store.sample(keys=keys, args=[int(SAMPLE_PAUSE * 1000), SAMPLES])

    def _move_due(self) -> None:
        keys = [self.store.delayed, self.store.stream]
        moved = DUE_AT_ONCE
        while moved == DUE_AT_ONCE:
            moved = self.store.move_due(keys=keys)

    def _forget_consumers(self, leaving: str) -> None:
        """Forget the names of readers that have had no call for an hour, and of the one that
        leaves.
        """
        arguments: list[ScriptArgument] = [int(FORGET * 1000), leaving]
        self.store.forget_consumers(keys=[self.store.stream], args=arguments)
