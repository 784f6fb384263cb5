"""How the reading threads of a worker tell Redis what became of their calls, and take further ones
in the same step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.commands.core import Script
from redis.exceptions import ResponseError

from .call import Call
from .in_hand import Commit, InHand, Message
from .running import Disposition
from .store import FAILURES, GROUP, ScriptArgument, log, text

if TYPE_CHECKING:
    from .queue import RedisQueue

UNKNOWN = 5.0
"""Seconds after which what Redis has given out cannot arrive any more: longer than a question takes."""
SUSPICION = 60.0
"""Seconds after a failure of Redis for which calls are looked for that have never arrived."""
MOST_PENDING = 1000
"""Calls of this worker that are looked through at once."""
REFUSED = 0
"""The status of an outcome that came too late."""


class Committing:
    """Tells Redis what became of calls, as long as they are still this worker's.

    PERF: calls that end while Redis is told of others are told of together, and what is to be done
    next comes with the answer: one round trip, and one write to disk, for all of them.
    """

    def __init__(self, queue: RedisQueue, hand: InHand, pause: float) -> None:
        self._queue = queue
        self._hand = hand
        self._store = queue.store
        self._holder = queue.holder
        self._pause = pause
        self._given_up = threading.Event()
        self._look_at = 0.0
        self._suspicious_until = 0.0
        store = queue.store
        self._done_keys = [store.stream, store.counts]
        self._finish_keys = [
            store.stream,
            store.counts,
            store.delayed,
            *store.failed_keys,
        ]

    def give_up(self) -> None:
        """Wait for Redis no longer."""
        self._given_up.set()

    def commit(self, step: Commit) -> None:
        """Commit the ends of calls that ended well and have nobody to tell."""
        taken: list[Message] = []
        began = time.monotonic()
        try:
            outcomes = step.outcomes
            arguments: list[ScriptArgument] = [step.room]
            for outcome in outcomes:
                arguments += [outcome.message.identifier, outcome.message.delivery]
            what = outcomes[0].message.identifier
            statuses, entries = self._answer(
                self._store.done, self._done_keys, [self._holder], arguments, what
            )
            for outcome, status in zip(outcomes, statuses, strict=True):
                if status == REFUSED:
                    _report_refusal(outcome.message, outcome.call)
            taken = _messages(entries)
        except BaseException:
            self._hand.abandoned(outcome.message for outcome in step.outcomes)
            raise
        finally:
            self._hand.committed(step, taken, time.monotonic() - began)

    def settle(self, message: Message, call: Call, disposition: Disposition) -> None:
        """Commit what becomes of one call, whatever it is."""
        taken: list[Message] = []
        room = self._hand.settling(message)
        try:
            group = call.report.group if call.report is not None else ""
            replay, _, _ = self._store.replay_keys(disposition.replay)
            keys = [*self._finish_keys, self._store.group(group), replay]
            fence: list[ScriptArgument] = [self._holder, message.identifier, message.delivery]
            arguments: list[ScriptArgument] = [
                room,
                disposition.word,
                int(disposition.delay * 1000),
                disposition.call,
                disposition.info,
                self._queue.max_queued,
                disposition.target,
                disposition.result,
                *disposition.placement,
                disposition.replay,
                *disposition.further,
            ]
            (status,), entries = self._answer(
                self._store.finish, keys, fence, arguments, message.identifier
            )
            if status == REFUSED:
                _report_refusal(message, call)
            taken = _messages(entries)
            if disposition.word == "again":
                self._queue.readers.look_in(disposition.delay)
        except BaseException:
            self._hand.abandoned([message])
            raise
        finally:
            self._hand.settled(message, taken, room)

    def _answer(
        self,
        script: Script,
        keys: list[str],
        fence: list[ScriptArgument],
        arguments: list[ScriptArgument],
        what: str,
    ) -> tuple[list[int], list[Any]]:
        """Run a committing script, waiting for Redis to come back while it is away; returns the
        statuses, and the entries that were read. The first of the arguments is how many it may
        read.
        """
        asked_before = 0
        while True:
            try:
                statuses, entries = script(keys=keys, args=[*fence, asked_before, *arguments])
                return statuses, entries
            except FAILURES as error:
                if not asked_before:
                    log.warning("the outcome of call %s waits for Redis: %s", what, error)
                asked_before = 1
                # what an answer has that does not arrive is not begun, so no more is asked for
                arguments[0] = 0
                self.note_lost_answer()
                if self._given_up.wait(self._pause):
                    raise
                if isinstance(error, ResponseError):
                    self._prepare()

    def _prepare(self) -> None:
        """Create the consumer group where somebody has removed it, without which no outcome is
        taken.
        """
        with suppress(*FAILURES):
            self._store.prepare()

    def renew(self, idle: float) -> None:
        """Say that the calls in hand are alive, or have been idle for some seconds; those that were
        taken over are forgotten.
        """
        arguments: list[ScriptArgument] = []
        for message in self._hand.held():
            arguments += [message.identifier, message.delivery, message.delivery]
        for lost in self._hold(idle, arguments):
            if self._hand.lost(lost):
                log.error("call %s was taken over by another worker while it ran here", lost)

    def give_back(self, seconds: float = 0.0) -> None:
        """Leave calls that were taken so long ago and not begun to other workers, at once; this is
        no attempt.
        """
        arguments: list[ScriptArgument] = []
        for message in self._hand.give_back(seconds):
            arguments += [message.identifier, message.delivery, message.delivery - 1]
        if arguments:
            self._hold(self._queue.section.lease, arguments)
            self._hand.claim_soon()

    def note_lost_answer(self) -> None:
        """Note that Redis may have given out calls in an answer that did not arrive."""
        self._suspicious_until = time.monotonic() + SUSPICION

    def give_back_unknown(self) -> None:
        """Leave calls that Redis has given to this worker, and that have never arrived here, to all
        workers, at once; this is no attempt. Looked for now and then after a failure of Redis.
        """
        now = time.monotonic()
        if not self._look_at <= now < self._suspicious_until:
            return
        self._look_at = now + UNKNOWN / 2
        found: Any = self._store.redis.xpending_range(
            self._store.stream, GROUP, "-", "+", MOST_PENDING, consumername=self._holder
        )
        pending = {text(one["message_id"]): one for one in found}
        arguments: list[ScriptArgument] = []
        for identifier in self._hand.unknown(list(pending)):
            one = pending[identifier]
            if one["time_since_delivered"] >= UNKNOWN * 1000:
                delivery = one["times_delivered"]
                arguments += [identifier, delivery, max(delivery - 1, 0)]
        if arguments:
            log.info(
                "%d calls that never arrived here are left to all workers", len(arguments) // 3
            )
            self._hold(self._queue.section.lease, arguments)
            self._hand.claim_soon()

    def _hold(self, idle: float, arguments: list[ScriptArgument]) -> list[str]:
        """Return those of some calls that are this worker's no longer."""
        if not arguments:
            return []
        first: list[ScriptArgument] = [self._holder, int(idle * 1000)]
        lost = self._store.hold(keys=[self._store.stream], args=[*first, *arguments])
        return [text(identifier) for identifier in lost]


def _messages(entries: Sequence[Any]) -> list[Message]:
    """Return the calls that a script has read."""
    return [Message(text(identifier), fields[1], 1) for identifier, fields in entries]


def _report_refusal(message: Message, call: Call) -> None:
    log.error(
        "the outcome of call %s of %s (cid %s) was refused: another worker has taken it over",
        message.identifier,
        call.service,
        call.cid,
    )
