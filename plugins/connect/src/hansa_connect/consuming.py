"""Channels to which a broker pushes messages: threads, retries with pauses, and dead letters."""

from __future__ import annotations

import contextlib
import sched
import threading
from collections.abc import Callable
from functools import partial

from hansa import Invalid, Outcome

from .acknowledgements import Acknowledgements
from .attempts import message_digest
from .delivery import Delivery, Headers, essential_headers
from .handling import (
    ConsumerSettings as ConsumerSettings,
    ConsumerT as ConsumerT,
    HandlingChannel,
    Task,
)


class ConsumingChannel(HandlingChannel[ConsumerT]):
    """Base of channels whose broker pushes messages, and is told when each was handled.

    A subclass defines the methods before `start`. All that concerns the connection happens in one
    thread, the reader; only `wake`, `forward` and `abort` are called from others.

    Nothing is given up silently: a message that fails goes round again as a copy that counts its
    attempts, or becomes a dead letter with cause and history; only then is it acknowledged.
    """

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

    def disconnect(self) -> None:
        """Close what `connect` opened, as far as it did.

        What was not acknowledged goes back to the broker.
        """

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect and begin to receive; raises if the broker is not there."""
        self._prepare()
        self._ended = threading.Event()
        self._delays_changed = threading.Event()
        self._acknowledgements = Acknowledgements()
        self._waking = False
        self._delayed = sched.scheduler()
        self.connect()
        self._start_thread("delays", self._run_delays)
        self._start_workers()
        self._reader = self._start_thread("reader", self._read)

    def stop(self) -> None:
        """Give back what was not begun, finish what was, and disconnect."""
        reader = self._reader
        self._reader = None
        self._begin_to_stop()
        self._delays_changed.set()
        if reader is not None:
            self.wake(self.cancel)
        self._hasten()
        self._stop_workers()
        for thread in self._threads:
            if thread is not reader:
                self._join_while_serving(thread, reader)
        self._hasten()  # what failed in that very moment
        self._end_drain()
        if reader is not None:
            self.wake(self._end)
            self._end_reader(reader)
        self.disconnect()

    def take(self, delivery: Delivery) -> None:
        """Have a message handled by one of the threads.

        Called by the reader, in the order of delivery.
        """
        self._acknowledgements.taken(delivery)
        super().take(delivery)

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

    def _join_while_serving(
        self, thread: threading.Thread, reader: threading.Thread | None
    ) -> None:
        """Wait for a thread; without a broker nobody waits for the answer of its service, except
        what is to be handled here or never.
        """
        while thread.is_alive():
            if reader is not None and not reader.is_alive() and not self._is_draining():
                return
            thread.join(0.1)

    def _hasten(self) -> None:
        """Have tried at once what waits for another attempt, and would not be delivered again."""
        for event in self._delayed.queue:
            task: Task = event.argument[0]
            if not self.delivers_again(task.delivery):
                with contextlib.suppress(ValueError):  # it is due, and has gone to the threads
                    self._delayed.cancel(event)
                    self._fresh.put(task)

    def _give_back(self, delivery: Delivery) -> None:
        self.wake(partial(self.give_back, delivery))

    def _call_suspect(self, delivery: Delivery) -> tuple[Outcome, BaseException | None]:
        digest = message_digest(delivery.body, delivery.identity, delivery.attempt)
        found = self._call_counted(delivery, digest)
        self._attempts.forget(digest)  # from here on its copy counts its attempts
        return found

    def _try_later(self, delivery: Delivery, error: BaseException | None, delay: float) -> None:
        task = Task(delivery, partial(self._forward, delivery, error, False))
        self._delayed.enter(delay, 0, self._fresh.put, (task,))
        self._delays_changed.set()

    def _give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        self._forward(delivery, error, True)

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
