"""What channels share whose messages are acknowledged: threads, attempts, and what fails or kills."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Annotated, TypeAlias, TypeVar

from hansa import (
    Channel,
    Invalid,
    Model,
    Outcome,
    Response,
    TooLarge,
    Unavailable,
    backoff_delay,
    setting,
)

from .attempts import AttemptCounter
from .delivery import Delivery

STOP_WAIT = 5.0
"""Seconds that the reader gets to end by itself before its connection is shut down."""
LONGEST_FETCH = 20.0
"""Seconds that a source may hold one request for messages, at most."""
READY_POLL = 0.05
"""Seconds between two looks at whether the worker serves."""


class ConsumerSettings(Model):
    """Redelivery.

    Settings of every channel of a broker.
    """

    pool: Annotated[
        int, setting("Messages that one worker handles at the same time", ge=1, le=1000)
    ] = 5
    max_attempts: Annotated[
        int,
        setting("Maximum delivery attempts before a message becomes a dead letter", ge=1, le=1000),
    ] = 5
    first_delay: Annotated[
        float,
        setting(
            "Seconds before the second attempt; each further pause is twice as long", gt=0, le=600
        ),
    ] = 1.0
    last_delay: Annotated[
        float, setting("Maximum pause between two attempts, in seconds", gt=0, le=600)
    ] = 60.0
    max_body: Annotated[
        int,
        setting("Maximum size of a message in bytes; a larger one becomes a dead letter", ge=1),
    ] = 16 * 1024 * 1024

    def check(self) -> None:
        """Refuse a longest pause that is shorter than the first one; raises `Invalid`."""
        super().check()
        if self.last_delay < self.first_delay:
            raise Invalid({"last_delay": "must not be less than first_delay"})


ConsumerT = TypeVar("ConsumerT", bound=ConsumerSettings)


@dataclass(frozen=True, slots=True)
class Task:
    """A message, and what one of the threads is to do with it."""

    delivery: Delivery
    run: Callable[[], None]


Tasks: TypeAlias = "SimpleQueue[Task | None]"


class HandlingChannel(Channel[ConsumerT]):
    """Base of channels whose source is told what became of each message.

    `ConsumingChannel` is for a broker that pushes, `PullingChannel` for a source that is asked. A
    message whose earlier delivery was lost may have ended its worker. Such suspects are handled one
    at a time and counted before they begin, so that one that kills is given up like any other, and
    no other with it.
    """

    delivery = "at_least_once"

    def take(self, delivery: Delivery) -> None:
        """Have a message handled by one of the threads.

        Called by the reader, in the order of delivery.
        """
        task = Task(delivery, partial(self._handle, delivery))
        if delivery.redelivered:
            self._suspect.put(task)
        else:
            self._fresh.put(task)

    def delivers_again(self, delivery: Delivery) -> bool:
        """Return whether the source delivers a message again that was taken and is not settled.

        Where it does not, `stop` gives nothing back: what was taken is handled to its end, for as
        long as the server's `grace` lasts; what fails then, or is not begun by then, is given up.
        """
        return True

    def abort(self) -> None:
        """Make the call of the source fail in which the reader waits, and does not return."""

    def answered(self, delivery: Delivery, response: Response) -> None:
        """Take the answer of a service, for whoever has asked for it; by default nothing happens.

        What it raises has the message given up.
        """

    # -- what becomes of a message -----------------------------------------------------------------

    def _finished(self, delivery: Delivery) -> None:
        """Have the source forget a message that was handled."""
        raise NotImplementedError

    def _try_later(self, delivery: Delivery, error: BaseException | None, delay: float) -> None:
        """Have a message come again after `delay` seconds."""
        raise NotImplementedError

    def _give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        """Put a message where dead letters go, and have the source forget it."""
        raise NotImplementedError

    def _give_back(self, delivery: Delivery) -> None:
        """Have the source deliver a message to another consumer that was not begun here."""
        raise NotImplementedError

    def _call_suspect(self, delivery: Delivery) -> tuple[Outcome, BaseException | None]:
        """Handle a message whose earlier delivery was lost, unless that happened too often."""
        raise NotImplementedError

    # -- life --------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Make what the threads need."""
        self._stopping = threading.Event()
        self._fresh: Tasks = SimpleQueue()
        self._suspect: Tasks = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._attempts = AttemptCounter(self.server, f"{self.kind} {self.type} {self.name}")
        self._drained_until = 0.0
        self._drains = False

    def _begin_to_stop(self) -> None:
        """Have no message begun any more, but those that their source does not deliver again."""
        self._drained_until = time.monotonic() + self.server.grace
        self._stopping.set()

    def _start_workers(self) -> None:
        self._start_thread("suspects", partial(self._work, self._suspect))
        for number in range(self.config.pool):
            self._start_thread(f"{number}", partial(self._work, self._fresh))

    def _stop_workers(self) -> None:
        """Give back what is not to be begun, and have the threads end after what is."""
        for tasks in (self._fresh, self._suspect):
            for task in list(_left_in(tasks)):
                if self._is_begun_still(task.delivery):
                    self._drains = True
                    tasks.put(task)
                else:
                    self._leave(task.delivery)
            for _ in self._threads:
                tasks.put(None)

    def _end_drain(self) -> None:
        """Have nothing begun any more, whatever it is."""
        self._drained_until = 0.0
        self._stop_workers()

    def _is_draining(self) -> bool:
        """Return whether messages are still to be handled that nobody else can have."""
        return self._drains and time.monotonic() < self._drained_until

    def _is_begun_still(self, delivery: Delivery) -> bool:
        if not self._stopping.is_set():
            return True
        return not self.delivers_again(delivery) and time.monotonic() < self._drained_until

    def _leave(self, delivery: Delivery) -> None:
        """Leave a message to others that was not begun; give it up if nobody else can have it."""
        if self.delivers_again(delivery):
            self._give_back(delivery)
            return
        fault = "its channel ended before its turn, within the grace of the server"
        self.log.error("%s: given up: %s", delivery.cid, fault)
        try:
            self._give_up(delivery, Unavailable(fault))
        except Exception as error:
            self.log.error("%s: it is lost: %s", delivery.cid, error)

    def _end_reader(self, reader: threading.Thread) -> None:
        """Wait for the reader, which has been told to end."""
        reader.join(STOP_WAIT)
        if reader.is_alive():
            self.abort()
            reader.join(LONGEST_FETCH)
        if reader.is_alive():
            self.log.error("the thread that reads from the source does not end: it is left behind")

    def _start_thread(self, what: str, target: Callable[[], None]) -> threading.Thread:
        name = f"{self.type} {self.name} {what}"
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    # -- in the threads ----------------------------------------------------------------------------

    def _work(self, tasks: Tasks) -> None:
        # a message that ends the worker must not end its start, and with that the server's
        while not self.server.ready and not self._stopping.wait(READY_POLL):
            pass
        while (task := tasks.get()) is not None:
            try:
                if self._is_begun_still(task.delivery):
                    task.run()
                else:
                    self._leave(task.delivery)
            except Exception as error:
                self._unsettled(task.delivery, error)
                if not self._stopping.is_set() and self.delivers_again(task.delivery):
                    return  # what is in hand comes again

    def _unsettled(self, delivery: Delivery, error: Exception) -> None:
        """Report that the source was not told what became of a message."""
        if not self.delivers_again(delivery):
            self.log.error("%s: it is lost: %s", delivery.cid, error)
        elif self._stopping.is_set():
            self.log.info("a message comes again, its outcome was not told: %s", error)
        else:
            self.log.error("a message could be neither handled nor given up: %s", error)
        if not self._stopping.is_set():
            self.lost(error)

    def _handle(self, delivery: Delivery) -> None:
        if delivery.redelivered:
            outcome, error = self._call_suspect(delivery)
        else:
            outcome, error = self._call(delivery)
        config = self.config
        if outcome == "done":
            self._finished(delivery)
        elif outcome == "retry" and self._has_further_attempt(delivery):
            delay = backoff_delay(delivery.attempt, config.first_delay, config.last_delay)
            self._try_later(delivery, error, delay)
        else:
            self.log.warning(
                "%s: dead letter after attempt %d: %s", delivery.cid, delivery.attempt, error
            )
            self._give_up(delivery, error)

    def _has_further_attempt(self, delivery: Delivery) -> bool:
        if self._stopping.is_set() and not self.delivers_again(delivery):
            return False  # nobody would try it again
        return delivery.attempt < self.config.max_attempts

    def _call_counted(
        self, delivery: Delivery, digest: str
    ) -> tuple[Outcome, BaseException | None]:
        """Count that a message begins, by its digest, and handle it unless it did so too often."""
        delivery.attempt += self._attempts.count(digest)
        if delivery.attempt > max(2, self.config.max_attempts):
            delivery.attempt -= 1
            return "reject", Unavailable("each worker that handled it ended, or lost the broker")
        return self._call(delivery)

    def _call(self, delivery: Delivery) -> tuple[Outcome, BaseException | None]:
        size = len(delivery.body)
        try:
            if delivery.fault:
                raise Invalid(delivery.fault)
            if size > self.config.max_body:
                limit = self.config.max_body
                raise TooLarge(f"the message has {size} bytes; max_body is {limit}")
            response = self.dispatch(delivery.request())
            self.answered(delivery, response)
        except Exception as error:  # about the message: `dispatch` raises nothing
            return "reject", error
        return response.outcome, response.error


def _left_in(tasks: Tasks) -> Iterator[Task]:
    """Take out what waits in a queue."""
    with contextlib.suppress(Empty):
        while True:
            task = tasks.get_nowait()
            if task is not None:
                yield task
