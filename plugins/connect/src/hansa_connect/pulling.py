"""Channels that ask a source for messages, and tell it what became of each: SQS, JetStream, mail."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import Annotated, TypeVar

from hansa import Outcome, setting

from .attempts import message_digest
from .delivery import Delivery
from .handling import LONGEST_FETCH, ConsumerSettings, HandlingChannel, Task

LONGEST_WAIT = 1.0
"""Seconds for which a `fetch` waits for a message where the settings have no interval."""
REMEMBERED = 10_000
"""Messages of which a channel knows that it put them back itself, at most."""


class PrefetchSettings(ConsumerSettings):
    """Pulling.

    Settings of channels whose source tells at once that there is a message.
    """

    prefetch: Annotated[
        int,
        setting(
            "Maximum messages that one worker has taken and not settled; 2 to 4 times `pool`",
            ge=1,
            le=65535,
        ),
    ] = 20


class PullSettings(PrefetchSettings):
    """Pulling.

    Settings of channels whose source has to be asked.
    """

    interval: Annotated[
        float,
        setting("Seconds between two requests for messages while there are none", gt=0, le=86400),
    ] = 5.0


PullT = TypeVar("PullT", bound=PrefetchSettings)


class PullingChannel(HandlingChannel[PullT]):
    """Base of channels that ask a source for messages.

    A subclass defines `fetch`, `acknowledge`, `put_back` and `give_up`, and what is to be opened
    and closed. One thread, the reader, calls `fetch`; the threads that handle messages call the
    others, several at a time and while a `fetch` waits, so a client that is not safe in threads
    needs a lock, a second connection, or an `EventLoop`.

    Whatever one of them raises means that the source is lost: core starts another object, with
    growing pauses, and the source delivers again what was not settled. So `fetch` raises when its
    source is gone, and never waits for its return.
    """

    flags_redelivery = True
    """Whether `Delivery.redelivered` says that a message was delivered before. Where a source does
    not say so, a record of each message is kept while it is handled."""

    _reader: threading.Thread | None = None

    def connect(self) -> None:
        """Open what the other methods need; raises what is wrong."""

    def fetch(self, limit: int, wait: float) -> Iterable[Delivery]:
        """Return at most `limit` messages, which are no other consumer's until they are settled.

        If there are none, return within `wait` seconds; the source may hold the request until then.
        `Delivery.identity` is a text that the next delivery of the message has, too.
        """
        raise NotImplementedError

    def acknowledge(self, delivery: Delivery) -> None:
        """Have the source forget a message; its service has handled it."""
        raise NotImplementedError

    def put_back(self, delivery: Delivery, delay: float) -> None:
        """Have the source deliver a message again, to whichever consumer, in `delay` seconds.

        0 means at once: nobody has begun it.
        """
        raise NotImplementedError

    def give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        """Put a message where dead letters go, and have the source forget it; in this order."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Have the source send no more that it does not deliver again, and take in what it has sent.

        Called by `stop` after the last `fetch`; by default nothing. What is raised is logged.
        """

    def unfetched(self) -> Iterable[Delivery]:
        """Take out what the source does not deliver again and `fetch` has not returned.

        Such is what has come meanwhile, and what waits here for another attempt. Called by `stop`
        after `cancel`, also without a source, and once more when the threads have ended.
        """
        return ()

    def wake(self) -> None:
        """Make a `fetch` return soon that waits; by default nothing, it returns in its time."""

    def disconnect(self) -> None:
        """Close what `connect` opened, as far as it did."""

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect and begin to ask; raises if the source is not there."""
        self._prepare()
        self._lost = threading.Event()
        self._changed = threading.Condition()
        self._in_hand = 0
        most = self.config.prefetch
        self._enough = max(most // 2, min(self.config.pool, most) - 1)
        self._put_back: OrderedDict[str, None] = OrderedDict()
        self.connect()
        self._start_workers()
        self._reader = self._start_thread("reader", self._read)

    def stop(self) -> None:
        """Put back what was not begun, finish what was, and disconnect.

        What the source does not deliver again is handled, instead of being put back.
        """
        reader = self._reader
        self._reader = None
        self._begin_to_stop()
        if reader is not None:
            with self._changed:
                self._changed.notify_all()
            self.wake()
            self._end_reader(reader)
            self._cancel()
            self._take_unfetched()
        self._stop_workers()
        for thread in self._threads:
            while thread.is_alive() and thread is not reader and self._is_waited_for():
                thread.join(0.1)
        # meanwhile a message may have been put back, or turned out to be a suspect
        if reader is not None:
            self._take_unfetched()
        self._end_drain()
        self.disconnect()

    def _cancel(self) -> None:
        if self._lost.is_set():
            return
        try:
            self.cancel()
        except Exception as error:
            self.log.warning("what the source has sent last may be lost: %s", error)

    def _take_unfetched(self) -> None:
        """Take what would be lost otherwise, once the reader has ended."""
        try:
            for delivery in self.unfetched():
                self.take(delivery)
        except Exception as error:
            self.log.warning("what the source has sent last may be lost: %s", error)

    def _is_waited_for(self) -> bool:
        """Return whether `stop` waits for services: without a source nobody waits for their answer,
        except what is to be handled here or never.
        """
        return not self._lost.is_set() or self._is_draining()

    def lost(self, error: BaseException) -> None:
        """Report that the source is gone."""
        self._lost.set()
        super().lost(error)

    def take(self, delivery: Delivery) -> None:
        """Have a message handled by one of the threads; called by the reader."""
        with self._changed:
            self._in_hand += 1
        if not self.flags_redelivery:
            self._fresh.put(Task(delivery, partial(self._look_up, delivery)))
        elif self._is_put_back(delivery):
            self._fresh.put(Task(delivery, partial(self._handle, delivery)))
        else:
            super().take(delivery)

    # -- in the reader -----------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            while not self._stopping.is_set():
                room = self._room()
                if room:
                    self._ask(room)
        except Exception as error:
            if not self._stopping.is_set():
                self.lost(error)

    def _room(self) -> int:
        """Return how many more messages may be taken; waits until there is room, or the end.

        There is room once half of them are settled, as long as no thread has to wait for one:
        asking for each message by itself would cost more than handling it.
        """
        with self._changed:
            while not self._stopping.is_set():
                if self._in_hand <= self._enough:
                    return self.config.prefetch - self._in_hand
                self._changed.wait()
        return 0

    def _ask(self, room: int) -> None:
        config = self.config
        interval = config.interval if isinstance(config, PullSettings) else None
        began = time.monotonic()
        wait = LONGEST_WAIT if interval is None else min(interval, LONGEST_FETCH)
        found = list(self.fetch(room, wait))
        for delivery in found:
            self.take(delivery)
        if not found and interval is not None:
            self._stopping.wait(interval - (time.monotonic() - began))

    # -- in the threads that handle ----------------------------------------------------------------

    def _look_up(self, delivery: Delivery) -> None:
        """Find out whether a message began before, where the source does not say so, and handle it.

        A suspect waits for its turn. Its attempts are counted only when that comes: it may have to
        wait behind one that ends the worker time and again.
        """
        delivery.redelivered = self._attempts.count(_mark(self._digest(delivery))) > 1
        if delivery.redelivered and not self._is_put_back(delivery):
            self._suspect.put(Task(delivery, partial(self._handle, delivery)))
        else:
            self._handle(delivery)

    def _is_put_back(self, delivery: Delivery) -> bool:
        """Return whether a message comes again since its service failed here."""
        return delivery.redelivered and self._digest(delivery) in self._put_back

    def _call_suspect(self, delivery: Delivery) -> tuple[Outcome, BaseException | None]:
        return self._call_counted(delivery, self._digest(delivery))

    def _finished(self, delivery: Delivery) -> None:
        self.acknowledge(delivery)
        self._settled(delivery)

    def _give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        self.give_up(delivery, error)
        self._settled(delivery)

    def _try_later(self, delivery: Delivery, error: BaseException | None, delay: float) -> None:
        self.log.info("%s: attempt %d failed: %s", delivery.cid, delivery.attempt, error)
        self._remember(self._digest(delivery))
        self.put_back(delivery, delay)
        self._release()

    def _give_back(self, delivery: Delivery) -> None:
        try:
            self.put_back(delivery, 0.0)
        except Exception as error:
            self.log.info("%s: comes again by itself, not put back: %s", delivery.cid, error)
        self._release()

    def _settled(self, delivery: Delivery) -> None:
        # of most messages nothing was noted
        if delivery.redelivered or not self.flags_redelivery:
            self._forget(delivery)
        self._release()

    def _forget(self, delivery: Delivery) -> None:
        digest = self._digest(delivery)
        if not self.flags_redelivery:
            self._attempts.forget(_mark(digest))
        if delivery.redelivered:
            self._attempts.forget(digest)
            with self._changed:
                self._put_back.pop(digest, None)

    def _release(self) -> None:
        with self._changed:
            self._in_hand -= 1
            if self._in_hand <= self._enough:
                self._changed.notify_all()

    def _remember(self, digest: str) -> None:
        """Note that a message comes again since its service failed, and not since a worker ended."""
        with self._changed:
            self._put_back[digest] = None
            if len(self._put_back) > REMEMBERED:
                self._put_back.popitem(last=False)

    def _digest(self, delivery: Delivery) -> str:
        return message_digest(delivery.body, delivery.identity)


def _mark(digest: str) -> str:
    """Return the name of the count that says whether a message has begun at all."""
    return f"{digest} begun"
