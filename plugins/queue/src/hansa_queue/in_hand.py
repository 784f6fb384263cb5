"""What a worker has in hand: the calls that it has taken out of the queue until Redis knows their
outcome, and what its reading threads do next with them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from .call import Call

MOST_AHEAD = 64
"""Calls that a worker has at most in hand besides those that its threads run."""
MOST_SEEKING = 2
"""Threads that wait in Redis at once.

PERF: with a second one, a thread that gets a call wakes no other before it runs it: 0.1 ms less until
a call alone has ended.
"""
SHORTEST_ROUND_TRIP = 0.002
LONGEST_ROUND_TRIP = 0.01
"""Seconds for which calls are read ahead, whatever a round trip to Redis takes."""
WEIGHT = 1 / 8
"""Weight of the newest value in the means that the reading ahead depends on."""


@dataclass(eq=False, slots=True)
class Message:
    """One delivery of a call to this worker; `delivery` counts deliveries, and is the fence
    together with the holder.

    `is_ended` is whether its outcome is on the way to Redis, or waits for that.
    """

    identifier: str
    data: bytes
    delivery: int
    is_ended: bool = False
    taken: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call that has ended well, and whose end Redis does not know yet."""

    message: Message
    call: Call


@dataclass(frozen=True, slots=True)
class Commit:
    """Tell Redis what has ended, and take at most `room` more."""

    outcomes: list[Outcome]
    room: int


@dataclass(frozen=True, slots=True)
class Run:
    """Run a call."""

    message: Message


class Seek:
    """Wait in Redis for a call."""


class Claim:
    """Look for a call whose worker has died."""


Step: TypeAlias = Commit | Run | Seek | Claim


class InHand:
    """The calls in the hands of a worker's reading threads, safe in many threads.

    A thread that has ended a call tells Redis at once, unless another one is doing so: then it goes
    on, and what it has ended goes with the next round trip. So one call alone waits for nobody, and
    the more there are, the more share a round trip. While services are quick, as many calls more
    are taken as they carry during a round trip; while they are slow, none that no thread is free
    for.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._changed = threading.Condition(threading.Lock())
        self._stopped = False
        self._held: dict[str, Message] = {}
        self._ahead: deque[Message] = deque()
        self._running: dict[str, Message] = {}
        self._finished: list[Outcome] = []
        self._abandoned: set[str] = set()
        self._is_committing = False
        self._seeking = 0
        self._asked = 0
        self._run_seconds = 0.0
        self._trip_seconds = SHORTEST_ROUND_TRIP
        self._claim_at = 0.0

    # -- what a thread does next -------------------------------------------------------------------

    def next_step(self) -> Step | None:
        """Return what to do next, and wait until there is something; None once stopped, and when
        nothing is left to be told to Redis.
        """
        with self._changed:
            while True:
                if self._finished and not self._is_committing:
                    return self._commit()
                if self._stopped:
                    return None
                if time.monotonic() >= self._claim_at:
                    # nobody else looks until it is known what was found
                    self._claim_at = float("inf")
                    if self._ahead:
                        self._changed.notify()
                    return Claim()
                if self._ahead:
                    return self._run()
                if not self._is_committing and self._seeking < MOST_SEEKING:
                    self._seeking += 1
                    return Seek()
                self._changed.wait()

    def _commit(self) -> Commit:
        self._is_committing = True
        outcomes = self._finished
        self._finished = []
        if self._ahead:
            self._changed.notify()
        return Commit(outcomes, self._ask(self._threads + self._most_ahead()))

    def _run(self) -> Run:
        message = self._ahead.popleft()
        self._running[message.identifier] = message
        if self._ahead or not (self._is_committing or self._seeking):
            # whoever is woken wakes the next, so that no more are than there is work for
            self._changed.notify()
        return Run(message)

    def _most_ahead(self) -> int:
        """How many calls the threads carry while one of them talks to Redis; none where services
        take longer than that, or where there is one thread, which keeps their order.
        """
        seconds = min(max(self._trip_seconds, SHORTEST_ROUND_TRIP), LONGEST_ROUND_TRIP)
        if not 0 < self._run_seconds < seconds or self._threads == 1:
            return 0
        return min(int(self._threads * seconds / self._run_seconds), MOST_AHEAD)

    def _ask(self, most: int) -> int:
        """Return how many calls may be taken, so that no more than so many are in hand."""
        if self._stopped:
            return 0
        busy = len(self._running) + self._seeking
        coming = len(self._ahead) + self._asked
        room = max(most - busy - coming, 0)
        self._asked += room
        return room

    # -- what becomes of it ------------------------------------------------------------------------

    def found(self, message: Message | None) -> None:
        """Take what a wait in Redis has found, if anything, to be run by this thread."""
        with self._changed:
            self._seeking -= 1
            if message is not None:
                self._start(message)

    def claimed(self, message: Message | None, pause: float) -> None:
        """Take what a look for calls of dead workers has found, if anything, to be run by this
        thread. The next look is after a pause, or at once if there was.
        """
        with self._changed:
            self._claim_at = 0.0 if message else time.monotonic() + pause
            if message is not None:
                self._start(message)

    def claim_soon(self) -> None:
        """Have the next thread that is free look for what others, or this worker, have left."""
        with self._changed:
            self._claim_at = min(self._claim_at, 0.0)

    def wait_before_claim(self, most: float) -> float:
        """Return the seconds until the next look for calls of dead workers, at most so many."""
        return min(max(self._claim_at - time.monotonic(), 0.01), most)

    def ended(self, message: Message, call: Call, seconds: float) -> None:
        """Have Redis told that a call has ended well, which took so many seconds."""
        with self._changed:
            message.is_ended = True
            self._running.pop(message.identifier, None)
            self._finished.append(Outcome(message, call))
            before = self._run_seconds or seconds
            self._run_seconds = before + (seconds - before) * WEIGHT

    def settling(self, message: Message) -> int:
        """Note that a call has ended, of which its thread is about to tell Redis; returns how many
        calls that may take.
        """
        with self._changed:
            message.is_ended = True
            # the thread that asks counts as running still
            return self._ask(self._threads + 1)

    def committed(self, step: Commit, taken: list[Message], seconds: float) -> None:
        """Note that Redis knows of a step, and has given out further calls; after so many
        seconds.
        """
        with self._changed:
            self._is_committing = False
            self._trip_seconds += (seconds - self._trip_seconds) * WEIGHT
            for outcome in step.outcomes:
                self._drop(outcome.message)
            self._take(taken, step.room)

    def settled(self, message: Message, taken: list[Message], room: int) -> None:
        """Note that Redis knows what became of one call, and has given out further calls."""
        with self._changed:
            self._running.pop(message.identifier, None)
            self._drop(message)
            self._take(taken, room)

    def abandoned(self, messages: Iterable[Message]) -> None:
        """Note that calls were begun, and that nobody will tell Redis what became of them."""
        with self._changed:
            for message in messages:
                self._abandoned.add(message.identifier)
                self._running.pop(message.identifier, None)
                self._drop(message)

    def _take(self, taken: list[Message], room: int) -> None:
        self._asked -= room
        for message in taken:
            self._held[message.identifier] = message
        self._ahead.extend(taken)

    def _start(self, message: Message) -> None:
        self._held[message.identifier] = message
        self._running[message.identifier] = message
        if not self._seeking:
            # its thread is gone for as long as the service takes
            self._changed.notify()

    def _drop(self, message: Message) -> None:
        if self._held.get(message.identifier) is message:
            del self._held[message.identifier]

    # -- what the heartbeat asks for ---------------------------------------------------------------

    def held(self) -> list[Message]:
        """Return all that is in hand."""
        with self._changed:
            return list(self._held.values())

    def lost(self, identifier: str) -> bool:
        """Forget a call that is this worker's no longer; returns whether another one has taken it
        over, rather than Redis knowing its outcome already.
        """
        with self._changed:
            message = self._held.get(identifier)
            if message is None or message.is_ended:
                return False
            del self._held[identifier]
            if message in self._ahead:
                self._ahead.remove(message)
            return True

    def give_back(self, seconds: float = 0.0) -> list[Message]:
        """Return what was taken so long ago and is not begun, which is in hand no longer: services
        have become slower than they were when it was taken.
        """
        until = time.monotonic() - seconds
        with self._changed:
            back = [message for message in self._ahead if message.taken <= until]
            for message in back:
                self._ahead.remove(message)
                self._drop(message)
            if back:
                # until it is known better, as slow that nothing is read ahead
                self._run_seconds = 2 * LONGEST_ROUND_TRIP
            return back

    def unknown(self, pending: list[str]) -> list[str]:
        """Return those of all calls of this worker, as Redis lists them, that have never arrived
        here, so were not begun.
        """
        with self._changed:
            self._abandoned.intersection_update(pending)
            return [one for one in pending if one not in self._held and one not in self._abandoned]

    def stop(self) -> None:
        """Have the threads begin nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
