"""Channels to which a broker pushes messages: threads that handle them, attempts and pauses, and dead letters that say why."""

from __future__ import annotations

import contextlib
import sched
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Annotated, Any

from hansa import Channel, Invalid, Model, TooLarge, Unavailable, setting

from .begun import Begun, digest
from .delivery import Delivery

GRACE = 5.0  # seconds


class Consuming(Model):
    """Settings of every channel of a broker."""

    pool: Annotated[
        int, setting("Messages that one worker handles at the same time", ge=1, le=1000)
    ] = 5
    max_attempts: Annotated[
        int, setting("How often a message is tried before it becomes a dead letter", ge=1, le=1000)
    ] = 5
    first_delay: Annotated[
        float,
        setting(
            "Seconds before the second attempt; each further pause is twice as long", gt=0, le=600
        ),
    ] = 1.0
    last_delay: Annotated[
        float, setting("Seconds that no pause between attempts exceeds", gt=0, le=600)
    ] = 60.0
    max_body: Annotated[
        int,
        setting(
            "Bytes of the longest message that is handled; a longer one becomes a dead letter", ge=1
        ),
    ] = 16 * 1024 * 1024

    def check(self) -> None:
        """The longest pause must not be shorter than the first one; raises `Invalid`."""
        super().check()
        if self.last_delay < self.first_delay:
            raise Invalid({"last_delay": "must not be less than first_delay"})


class ConsumingChannel(Channel):
    """Base of channels whose broker pushes messages and is told when each was handled; its Config has those of `Consuming`.

    A subclass gives the methods before `start`. All that concerns the connection happens in one thread, the reader; only `wake`,
    `forward` and `abort` are called from others.

    Nothing is given up silently: a message that fails goes round again as a copy that counts its attempts, or becomes a dead letter
    with cause and history; only then is it acknowledged. One whose delivery was lost may have ended its worker. Such suspects are
    handled one at a time and counted before they begin, so that one that kills is given up like any other, and no other with it.
    """

    delivery = "at_least_once"

    _reader: threading.Thread | None = None

    def connect(self) -> None:
        """Open what `receive` needs, before the reader begins; raises what is wrong."""

    def receive(self) -> None:
        """Wait for the broker and hand its messages to `take`; returns soon after `wake`, raises when the broker is lost."""
        raise NotImplementedError

    def wake(self, call: Callable[[], None]) -> None:
        """Have the reader call this soon; nothing if the broker is lost."""
        raise NotImplementedError

    def acknowledge(self, delivery: Delivery, multiple: bool) -> None:
        """Have the broker forget a message, `multiple`: and all that were delivered before it and not given back."""
        raise NotImplementedError

    def give_back(self, delivery: Delivery) -> None:
        """Have the broker deliver a message to somebody else."""

    def cancel(self) -> None:
        """Have the broker deliver no more."""

    def forward(self, delivery: Delivery, headers: dict[Any, Any], dead: bool) -> None:
        """Put a copy with these headers into the queue again, or where dead letters go; returns once the broker has it.

        Raises `Invalid` if the broker cannot take these headers: it is asked again with less.
        """
        raise NotImplementedError

    def abort(self) -> None:
        """Make a `receive` fail that does not return."""

    def disconnect(self) -> None:
        """Close what `connect` opened, as far as it did; what was not acknowledged goes back to the broker."""

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect and begin to receive; raises if the broker is not there."""
        self._stopping, self._ended, self._wake = (
            threading.Event(),
            threading.Event(),
            threading.Event(),
        )
        self._fresh: SimpleQueue[Any] = SimpleQueue()
        self._suspect: SimpleQueue[Any] = SimpleQueue()
        self._open: deque[Delivery] = deque()
        self._handled: deque[Delivery] = deque()
        self._waking = False
        self._delayed = sched.scheduler()
        self._threads: list[threading.Thread] = []
        self._begun = Begun(self.server, f"{self.kind} {self.type} {self.name}")
        self.connect()
        self._thread("delays", self._delay)
        for number, source in enumerate([self._suspect] + [self._fresh] * self.config.pool):
            self._thread(f"{number}", self._work, source)
        self._reader = self._thread("reader", self._read)

    def stop(self) -> None:
        """Give back what was not begun, finish what was, and disconnect."""
        reader, self._reader = self._reader, None
        self._stopping.set()
        self._wake.set()
        if reader is not None:
            self.wake(self.cancel)
        for waiting in (self._fresh, self._suspect):
            with contextlib.suppress(Empty):
                while True:
                    self._give_back(waiting.get_nowait()[1])
            for _ in self._threads:
                waiting.put(None)
        for thread in self._threads:
            # without a broker nobody waits for what services come to
            while (
                thread.is_alive() and thread is not reader and (reader is None or reader.is_alive())
            ):
                thread.join(0.1)
        if reader is not None:
            self.wake(self._end)
            reader.join(GRACE)
            if reader.is_alive():
                self.abort()
                reader.join()
        self.disconnect()

    def take(self, delivery: Delivery) -> None:
        """Have a message handled by one of the threads; called by the reader, in the order of delivery."""
        self._open.append(delivery)
        (self._suspect if delivery.redelivered else self._fresh).put((self._handle, delivery))

    def _thread(self, what: str, target: Any, *arguments: Any) -> threading.Thread:
        name = f"{self.type} {self.name} {what}"
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    # -- in the reader ------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            while not self._ended.is_set():
                self.receive()
        except Exception as error:
            if not self._stopping.is_set():
                self.lost(error)

    def _acknowledge(self) -> None:
        """PERF: with one call for all up to the oldest message that is in hand, and one for each that is handled after it."""
        self._waking, done = False, []
        handled = [self._handled.popleft() for _ in range(len(self._handled))]
        for delivery in handled:
            delivery.state = "handled"
        while self._open and self._open[0].state != "open":
            if (oldest := self._open.popleft()).state == "handled":
                oldest.state = "acknowledged"
                done.append(oldest)
        if done:
            self.acknowledge(done[-1], True)
        for delivery in handled:
            if delivery.state == "handled":
                delivery.state = "acknowledged"
                self.acknowledge(delivery, False)

    def _end(self) -> None:
        self._acknowledge()
        self._ended.set()

    # -- in the other threads -----------------------------------------------------------------------------------------

    def _delay(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self._delayed.run(blocking=False))
            self._wake.clear()

    def _work(self, source: SimpleQueue[Any]) -> None:
        # a message that ends the worker must not end its start, and with that the server's
        while not getattr(self.server, "ready", True) and not self._stopping.wait(0.05):
            pass
        try:
            while (task := source.get()) is not None:
                call, delivery, *arguments = task
                if self._stopping.is_set():
                    self._give_back(delivery)
                else:
                    call(delivery, *arguments)
        except Exception as error:
            if not self._stopping.is_set():
                self.log.error("a message could be neither handled nor given up: %s", error)
                self.lost(error)

    def _give_back(self, delivery: Delivery) -> None:
        self.wake(partial(self.give_back, delivery))

    def _handle(self, delivery: Delivery) -> None:
        most, name = self.config.max_attempts, ""
        if delivery.redelivered:
            name = digest(delivery.body, delivery.identity, delivery.attempt)
            delivery.attempt += self._begun.count(name)
        if delivery.redelivered and delivery.attempt > max(2, most):
            delivery.attempt -= 1
            outcome, error = (
                "reject",
                Unavailable("each worker that handled it ended, or lost the broker"),
            )
        else:
            outcome, error = self._call(delivery)
        if delivery.redelivered:
            self._begun.forget(name)
        if outcome == "done":
            self._finished(delivery)
        elif outcome == "retry" and delivery.attempt < most:
            delay = min(
                self.config.first_delay * 2 ** min(delivery.attempt - 1, 32), self.config.last_delay
            )
            self._delayed.enter(
                delay, 0, self._fresh.put, ((self._forward, delivery, error, False),)
            )
            self._wake.set()
        else:
            self.log.warning(
                "%s: dead letter after attempt %d: %s", delivery.cid, delivery.attempt, error
            )
            self._forward(delivery, error, True)

    def _call(self, delivery: Delivery) -> tuple[str, Any]:
        try:
            if delivery.fault:
                raise Invalid(delivery.fault)
            if len(delivery.body) > self.config.max_body:
                raise TooLarge(
                    f"the message has {len(delivery.body)} bytes; max_body is {self.config.max_body}"
                )
            response = self.dispatch(delivery.request())
        except Exception as error:  # about the message: `dispatch` raises nothing
            return "reject", error
        return response.outcome, response.error

    def _forward(self, delivery: Delivery, error: Any, dead: bool) -> None:
        headers = delivery.told(error, self.name)
        try:
            self.forward(delivery, headers, dead)
        except Invalid as invalid:
            self.log.warning("%s: its headers are left out: %s", delivery.cid, invalid)
            self.forward(delivery, delivery.shortened(headers), dead)
        self._finished(delivery)

    def _finished(self, delivery: Delivery) -> None:
        self._handled.append(delivery)
        if not self._waking:  # PERF: waking the reader costs more than all the rest
            self._waking = True
            self.wake(self._acknowledge)
