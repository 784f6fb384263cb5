"""The threads of a worker that push messages to services and outgoing connections.

Workers share subscriptions: whoever is free takes the next message, and Redis sees to it that no more
are in hand at the same time than the subscription says. Those of a worker that dies are taken
over once its lease has ended.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hansa import HansaError, Outcome, Server

from .endpoints import Endpoints
from .publishing import KIND, PubSub
from .settings import SubscriptionSettings

if TYPE_CHECKING:
    from .early import PubSubSection
    from .store import Delivery

log = logging.getLogger("hansa.pubsub")
WAIT = 1.0
"""Seconds between two looks for messages, at most."""
IDLE = 5.0
"""Seconds between two looks for subscriptions whose messages are pushed, at most."""
SWEEP = 30.0
"""Seconds between two removals of what has expired, where nobody publishes."""
GONE = 5.0
"""Seconds after which nobody publishes any more for a subscription that this worker knows is gone."""
IN_A_ROW = 100
"""Messages that a thread pushes before it lets other subscriptions have their turn."""
PAUSE = 0.5
"""Seconds before Redis is told again of an outcome that it could not be told of."""
LONGEST_CAUSE = 1000


class Pusher:
    """Pushes messages while the worker serves."""

    def __init__(self, server: Server, pubsub: PubSub, section: PubSubSection) -> None:
        self._server = server
        self._pubsub = pubsub
        self._endpoints = Endpoints(server, pubsub.table)
        self._lease = section.lease
        self._threads = section.threads
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self._begun: dict[str, float] = {}
        self._in_hand: dict[tuple[str, str], Delivery] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._watch: threading.Thread | None = None
        self._failing = False
        self._next_hold = 0.0
        self._next_sweep = 0.0

    def start(self) -> None:
        """Begin to push."""
        self._pool = ThreadPoolExecutor(self._threads, "pubsub")
        self._watch = threading.Thread(target=self._look, name="pubsub-watch", daemon=True)
        self._watch.start()

    def stop(self, grace: float) -> None:
        """Take no more messages, and wait up to `grace` seconds for those in hand."""
        self._stopped.set()
        self._pubsub.table.changed.set()
        deadline = time.monotonic() + grace
        while self._in_hand and time.monotonic() < deadline:
            time.sleep(0.02)
            try:
                self._hold()
            except Exception as error:
                self._tell(error)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        if self._watch is not None:
            self._watch.join(WAIT + 5)
            self._watch = None

    # -- looking for messages ----------------------------------------------------------------------

    def _look(self) -> None:
        changed = self._pubsub.table.changed
        while not self._stopped.is_set():
            try:
                changed.clear()
                if self._pubsub.table.pushed():
                    self._begin_all()
                    self._pubsub.store.wait(WAIT)
                else:
                    # what is in hand must be held, though its subscription pushes no more
                    changed.wait(WAIT if self._in_hand else IDLE)
                self._hold()
                self._sweep()
                self._empty_dropped()
                self._failing = False
            except Exception as error:
                self._tell(error)
                self._stopped.wait(WAIT)

    def _begin_all(self) -> None:
        """Have threads push what can be pushed, as far as there are free ones; first that of which
        nothing was begun for the longest time.
        """
        subscriptions = self._pubsub.table.pushed()
        self._begun = {one.name: self._begun.get(one.name, 0.0) for one in subscriptions}
        subscriptions.sort(key=lambda one: self._begun[one.name])
        asked = [(one.name, one.config.parallel) for one in subscriptions]
        for (name, _), room in zip(asked, self._pubsub.store.ready(asked), strict=True):
            for _ in range(min(room, self._threads)):
                if not self._begin(name):
                    return
                self._begun[name] = time.monotonic()

    def _begin(self, name: str) -> bool:
        """Have a thread push the messages of a subscription; false if there is none free."""
        assert self._pool is not None
        with self._lock:
            if sum(self._running.values()) >= self._threads or self._stopped.is_set():
                return False
            self._running[name] = self._running.get(name, 0) + 1
        self._pool.submit(self._push, name)
        return True

    def _hold(self) -> None:
        """Keep what is in hand."""
        now = time.monotonic()
        if now < self._next_hold:
            return
        self._next_hold = now + self._lease / 4
        with self._lock:
            held = list(self._in_hand.values())
        self._pubsub.store.hold(held, self._lease)

    def _sweep(self) -> None:
        now = time.monotonic()
        if now >= self._next_sweep and self._pubsub.table.subscriptions:
            self._next_sweep = now + SWEEP
            self._pubsub.store.sweep()

    def _empty_dropped(self) -> None:
        """Delete what was published before this worker learnt that a subscription was deleted."""
        table, store = self._pubsub.table, self._pubsub.store
        for name, since in table.dropped.items():
            if time.monotonic() < since + GONE:
                continue
            # what is found before the look is none of a subscription that is made anew after it
            while ids := store.first(name):
                if self._server.definitions.exists(KIND, KIND, name):
                    break
                store.leave(name, ids)
                store.forget_counts(name)
            table.forget_dropped(name)

    def _tell(self, error: Exception) -> None:
        """Log what goes wrong, once until it goes well again."""
        if not self._failing:
            log.warning("messages cannot be pushed at the moment: %s", error)
        self._failing = True

    # -- pushing -----------------------------------------------------------------------------------

    def _push(self, name: str) -> None:
        """Push messages of a subscription, one after the other."""
        try:
            for _ in range(IN_A_ROW):
                if self._stopped.is_set() or not self._push_one(name):
                    return
            self._pubsub.store.wake()
        except Exception as error:
            self._tell(error)
        finally:
            with self._lock:
                self._running[name] -= 1
                if not self._running[name]:
                    del self._running[name]

    def _push_one(self, name: str) -> bool:
        """Push the next message; false if there is none to be pushed now."""
        known = self._pubsub.table.subscriptions.get(name)
        if known is None or known.config.paused or not known.config.is_pushed:
            return False
        config = known.config
        found = self._pubsub.store.take(
            name,
            uuid.uuid4().hex,
            messages=1,
            bytes=1,
            at_once=config.parallel,
            seconds=self._lease,
        )
        if not found:
            return False
        [delivery] = found
        key = (name, delivery.message.id)
        with self._lock:
            self._in_hand[key] = delivery
        try:
            self._deliver(config, delivery)
        finally:
            with self._lock:
                self._in_hand.pop(key, None)
        return True

    def _deliver(self, config: SubscriptionSettings, delivery: Delivery) -> None:
        message = delivery.message
        if message.attempts > config.max_attempts:
            count = config.max_attempts
            cause = (
                f"each worker ended that delivered it, {count} times"
                if count > 1
                else ("the worker ended that delivered it")
            )
            self._give_up(config, delivery, cause)
            return
        try:
            is_delivered = self._endpoints.deliver(delivery.subscription, config, message)
        except Exception as error:
            self._failed(config, delivery, error)
            return
        what = "delivered" if is_delivered else "skipped"
        store, subscription = self._pubsub.store, delivery.subscription
        self._insist(lambda: store.settle(subscription, message.id, delivery.token, what))

    def _failed(self, config: SubscriptionSettings, delivery: Delivery, error: Exception) -> None:
        message = delivery.message
        cause = str(error)[:LONGEST_CAUSE] or type(error).__name__
        outcome: Outcome = error.outcome if isinstance(error, HansaError) else "retry"
        if outcome == "reject" or message.attempts >= config.max_attempts:
            self._give_up(config, delivery, cause)
            return
        log.info("%s of %s is tried again: %s", message.id, delivery.subscription, cause)
        self._again(config, delivery)

    def _again(self, config: SubscriptionSettings, delivery: Delivery) -> None:
        message = delivery.message
        doubled = config.first_delay * 2.0 ** min(message.attempts - 1, 30)
        seconds = min(doubled, config.last_delay)
        store, subscription = self._pubsub.store, delivery.subscription
        self._insist(lambda: store.again(subscription, message.id, seconds, delivery.token))

    def _give_up(self, config: SubscriptionSettings, delivery: Delivery, cause: str) -> None:
        """Put a message with the failed ones, unless another worker has taken it over; while that
        cannot be done, it is tried again.
        """
        message = delivery.message
        try:
            if self._pubsub.store.hold([delivery], self._lease):
                self._pubsub.give_up(delivery.subscription, message, cause, delivery.token)
            else:
                log.warning("another worker has taken over %s, which failed: %s", message.id, cause)
        except HansaError as error:
            log.warning("%s cannot be put with the failed messages: %s", message.id, error)
            self._again(config, delivery)

    def _insist(self, tell: Callable[[], object]) -> None:
        """Tell Redis of an outcome, for the time of a lease: after it, another worker has the
        message.
        """
        from .store import FAILURES

        ends_at = time.monotonic() + self._lease
        while True:
            try:
                tell()
            except FAILURES:
                if time.monotonic() > ends_at or self._stopped.wait(PAUSE):
                    raise
            else:
                return
