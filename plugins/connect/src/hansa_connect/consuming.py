"""Channels to which a broker pushes messages: threads, retries with pauses, and dead letters."""

from __future__ import annotations

import contextlib
import sched
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Annotated, TypeAlias, TypeVar

from hansa import Channel, Invalid, Model, Outcome, TooLarge, Unavailable, backoff_delay, setting

from .acknowledgements import Acknowledgements
from .attempts import AttemptCounter, message_digest
from .delivery import Delivery, Headers, essential_headers

STOP_WAIT = 5.0
"""Seconds that the reader gets to end by itself before its connection is shut down."""
READY_POLL = 0.05
"""Seconds between two looks at whether the worker serves."""


class ConsumerSettings(Model):
    """Settings of every channel of a broker."""

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
class _Task:
    """A message, and what one of the threads is to do with it."""

    delivery: Delivery
    run: Callable[[], None]


_Tasks: TypeAlias = "SimpleQueue[_Task | None]"


class ConsumingChannel(Channel[ConsumerT]):
    """Base of channels whose broker pushes messages, and is told when each was handled.

    A subclass defines the methods before `start`. All that concerns the connection happens in one
    thread, the reader; only `wake`, `forward` and `abort` are called from others.

    Nothing is given up silently: a message that fails goes round again as a copy that counts its
    attempts, or becomes a dead letter with cause and history; only then is it acknowledged. One
    whose delivery was lost may have ended its worker. Such suspects are handled one at a time and
    counted before they begin, so that one that kills is given up like any other, and no other with
    it.
    """

    delivery = "at_least_once"

    _reader: threading.Thread | None = None

    def connect(self) -> None:
        """Open what `receive` needs, before the reader begins; raises what is wrong."""

    def receive(self) -> None:
        """Wait for the broker and pass its messages to `take`.

        Returns soon after `wake`, raises when the broker is lost.
        """
        raise NotImplementedError

    def wake(self, call: Callable[[], None]) -> None:
        """Have the reader call this soon; does nothing if the broker is lost."""
        raise NotImplementedError

    def acknowledge(self, delivery: Delivery, multiple: bool) -> None:
        """Have the broker forget a message.

        `multiple`: and all that came before it and were not given back.
        """
        raise NotImplementedError

    def give_back(self, delivery: Delivery) -> None:
        """Have the broker deliver a message to another consumer."""

    def cancel(self) -> None:
        """Have the broker deliver no more."""

    def forward(self, delivery: Delivery, headers: Headers, dead: bool) -> None:
        """Put a copy with these headers into the queue again, or where dead letters go.

        Returns once the broker has it. Raises `Invalid` if the broker cannot take these headers: it
        is called again with fewer.
        """
        raise NotImplementedError

    def abort(self) -> None:
        """Make a `receive` fail that does not return."""

    def disconnect(self) -> None:
        """Close what `connect` opened, as far as it did.

        What was not acknowledged goes back to the broker.
        """

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect and begin to receive; raises if the broker is not there."""
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._delays_changed = threading.Event()
        self._fresh: _Tasks = SimpleQueue()
        self._suspect: _Tasks = SimpleQueue()
        self._acknowledgements = Acknowledgements()
        self._waking = False
        self._delayed = sched.scheduler()
        self._threads: list[threading.Thread] = []
        self._attempts = AttemptCounter(self.server, f"{self.kind} {self.type} {self.name}")
        self.connect()
        self._start_thread("delays", self._run_delays)
        self._start_thread("suspects", partial(self._work, self._suspect))
        for number in range(self.config.pool):
            self._start_thread(f"{number}", partial(self._work, self._fresh))
        self._reader = self._start_thread("reader", self._read)

    def stop(self) -> None:
        """Give back what was not begun, finish what was, and disconnect."""
        reader = self._reader
        self._reader = None
        self._stopping.set()
        self._delays_changed.set()
        if reader is not None:
            self.wake(self.cancel)
        for tasks in (self._fresh, self._suspect):
            for task in _left_in(tasks):
                self._give_back(task.delivery)
            for _ in self._threads:
                tasks.put(None)
        for thread in self._threads:
            if thread is not reader:
                _join_while_serving(thread, reader)
        if reader is not None:
            self.wake(self._end)
            reader.join(STOP_WAIT)
            if reader.is_alive():
                self.abort()
                reader.join()
        self.disconnect()

    def take(self, delivery: Delivery) -> None:
        """Have a message handled by one of the threads.

        Called by the reader, in the order of delivery.
        """
        self._acknowledgements.taken(delivery)
        task = _Task(delivery, partial(self._handle, delivery))
        if delivery.redelivered:
            self._suspect.put(task)
        else:
            self._fresh.put(task)

    def _start_thread(self, what: str, target: Callable[[], None]) -> threading.Thread:
        name = f"{self.type} {self.name} {what}"
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    # -- in the reader -----------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            while not self._ended.is_set():
                self.receive()
        except Exception as error:
            if not self._stopping.is_set():
                self.lost(error)

    def _acknowledge(self) -> None:
        self._waking = False
        for delivery, multiple in self._acknowledgements.due():
            self.acknowledge(delivery, multiple)

    def _end(self) -> None:
        self._acknowledge()
        self._ended.set()

    # -- in the other threads ----------------------------------------------------------------------

    def _run_delays(self) -> None:
        while not self._stopping.is_set():
            self._delays_changed.wait(self._delayed.run(blocking=False))
            self._delays_changed.clear()

    def _work(self, tasks: _Tasks) -> None:
        # a message that ends the worker must not end its start, and with that the server's
        while not self.server.ready and not self._stopping.wait(READY_POLL):
            pass
        try:
            while (task := tasks.get()) is not None:
                if self._stopping.is_set():
                    self._give_back(task.delivery)
                else:
                    task.run()
        except Exception as error:
            if not self._stopping.is_set():
                self.log.error("a message could be neither handled nor given up: %s", error)
                self.lost(error)

    def _give_back(self, delivery: Delivery) -> None:
        self.wake(partial(self.give_back, delivery))

    def _handle(self, delivery: Delivery) -> None:
        if delivery.redelivered:
            outcome, error = self._call_suspect(delivery)
        else:
            outcome, error = self._call(delivery)
        if outcome == "done":
            self._finished(delivery)
        elif outcome == "retry" and delivery.attempt < self.config.max_attempts:
            self._try_later(delivery, error)
        else:
            self.log.warning(
                "%s: dead letter after attempt %d: %s", delivery.cid, delivery.attempt, error
            )
            self._forward(delivery, error, True)

    def _call_suspect(self, delivery: Delivery) -> tuple[Outcome, BaseException | None]:
        """Handle a message whose earlier delivery was lost, unless that happened too often."""
        digest = message_digest(delivery.body, delivery.identity, delivery.attempt)
        delivery.attempt += self._attempts.count(digest)
        outcome: Outcome = "reject"
        error: BaseException | None
        if delivery.attempt > max(2, self.config.max_attempts):
            delivery.attempt -= 1
            error = Unavailable("each worker that handled it ended, or lost the broker")
        else:
            outcome, error = self._call(delivery)
        self._attempts.forget(digest)
        return outcome, error

    def _call(self, delivery: Delivery) -> tuple[Outcome, BaseException | None]:
        size = len(delivery.body)
        try:
            if delivery.fault:
                raise Invalid(delivery.fault)
            if size > self.config.max_body:
                limit = self.config.max_body
                raise TooLarge(f"the message has {size} bytes; max_body is {limit}")
            response = self.dispatch(delivery.request())
        except Exception as error:  # about the message: `dispatch` raises nothing
            return "reject", error
        return response.outcome, response.error

    def _try_later(self, delivery: Delivery, error: BaseException | None) -> None:
        config = self.config
        delay = backoff_delay(delivery.attempt, config.first_delay, config.last_delay)
        task = _Task(delivery, partial(self._forward, delivery, error, False))
        self._delayed.enter(delay, 0, self._fresh.put, (task,))
        self._delays_changed.set()

    def _forward(self, delivery: Delivery, error: BaseException | None, dead: bool) -> None:
        headers = delivery.failure_headers(error, self.name)
        try:
            self.forward(delivery, headers, dead)
        except Invalid as invalid:
            self.log.warning("%s: its headers are left out: %s", delivery.cid, invalid)
            self.forward(delivery, essential_headers(headers), dead)
        self._finished(delivery)

    def _finished(self, delivery: Delivery) -> None:
        self._acknowledgements.handled(delivery)
        # waking the reader costs more than all the rest: once for all that are handled meanwhile
        if not self._waking:
            self._waking = True
            self.wake(self._acknowledge)


def _left_in(tasks: _Tasks) -> Iterator[_Task]:
    """Take out what waits in a queue."""
    with contextlib.suppress(Empty):
        while True:
            task = tasks.get_nowait()
            if task is not None:
                yield task


def _join_while_serving(thread: threading.Thread, reader: threading.Thread | None) -> None:
    """Wait for a thread; without a broker nobody waits for the answer of its service."""
    while thread.is_alive() and (reader is None or reader.is_alive()):
        thread.join(0.1)
