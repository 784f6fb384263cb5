"""A connection that receives over AMQP 1.0: one link, with credit for as many messages as may be in hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import proton
from hansa import Unavailable
from proton import Delivery, Described, Receiver, Terminus, symbol, ulong

from ..broker_socket import LARGEST
from ..settings import BrokerSettings
from ..waiting import Calls
from ..wire import Received, Subscription
from .connection import AmqpConnection
from .reading import received

SELECTOR = symbol("apache.org:selector-filter:string")
SELECTOR_CODE = ulong(0x0000468C00000004)
LONGEST_WAIT = 60.0
"""Seconds between two looks at the clock without heart-beats."""


class AmqpSubscriber(AmqpConnection):
    """A connection with one subscription, used by one thread; only `call_soon` and `abort` are called from
    others.
    """

    def __init__(self, broker: BrokerSettings, client_id: str = "", heartbeat: float = 0.0) -> None:
        super().__init__(broker, client_id, heartbeat)
        self._calls = Calls()
        self._link: Receiver | None = None
        self._durable = False
        self._source = ""
        self._max_body = 0
        self._part = bytearray()
        self._size = 0
        self._messages: list[Received] = []

    def subscribe(self, subscription: Subscription) -> None:
        """Have the broker deliver messages; raises `Refused` and `Unavailable`."""
        self._calls.open()
        self._source = subscription.destination
        self._max_body = subscription.max_body
        self._durable = bool(subscription.durable)
        address = self._addresses.of(subscription.destination)
        link = self._session.receiver(subscription.durable or f"{self._engine.container}-1")
        self.name_terminus(link.source, address)
        if address.kind == 1:
            link.source.distribution_mode = Terminus.DIST_MODE_COPY
        if self._durable:
            link.source.durability = Terminus.DELIVERIES
            link.source.expiry_policy = Terminus.EXPIRE_NEVER
        if subscription.selector:
            wanted = {SELECTOR: Described(SELECTOR_CODE, subscription.selector)}
            link.source.filter.put_object(wanted)
        link.max_message_size = LARGEST
        link.open()
        self._link = link
        with self.translated():
            self.wait_for(lambda: bool(link.state & proton.Endpoint.REMOTE_ACTIVE), link)
            if not link.remote_source.address:  # it is to be refused in a moment
                self.wait_for(lambda: False, link)
            self._check_granted(link, subscription)
            link.flow(subscription.prefetch)
            self.flush()

    def _check_granted(self, link: Receiver, subscription: Subscription) -> None:
        """Raise `Unavailable` unless the broker does all that it was asked for."""
        if subscription.selector and not _has_filter(link.remote_source):
            raise Unavailable(f"{self.where} has no selectors for AMQP: leave selector empty")
        if self._durable and link.remote_source.durability == Terminus.NONDURABLE:
            raise Unavailable(
                f"{self.where} has no durable subscriptions for AMQP: set durable to false"
            )

    def wait(self) -> list[Received]:
        """Wait for messages or for `call_soon`, and return the messages; raises `Unavailable`."""
        if not self._messages:
            with self.translated():
                self._refuse(self._link)
                self.flush()
                if not self._messages and self._calls.wait(self.socket, self._pause()):
                    self.read()
            self._calls.run()
            with self.translated():
                self.flush()
        found = self._messages
        self._messages = []
        return found

    def _pause(self) -> float:
        """Return how many seconds may pass before heart-beats have to be seen to."""
        due = self._transport.tick(time.monotonic())
        return min(LONGEST_WAIT, max(0.0, due - time.monotonic())) if due else LONGEST_WAIT

    def delivered(self, delivery: Delivery) -> None:
        """Take what has come of a message; what is more than can be held is dropped as it comes."""
        link = self._link
        if link is None or delivery.link != link or not delivery.readable:
            return
        while delivery.pending:
            data = link.recv(delivery.pending) or b""
            self._size += len(data)
            if self._size <= LARGEST:
                self._part += data
        if delivery.partial and not delivery.aborted:
            return
        raw = bytes(self._part)
        size = self._size
        self._part = bytearray()
        self._size = 0
        link.advance()
        if delivery.aborted:
            delivery.settle()
            link.flow(1)
        elif size > LARGEST:
            self._messages.append(Received(delivery, None, "bytes", b"", {}, size, too_large=True))
        else:
            self._messages.append(
                received(delivery, raw, self._addresses, self._source, self._max_body)
            )

    # -- what becomes of messages ------------------------------------------------------------------

    def acknowledge(self, handles: Iterable[Delivery]) -> None:
        """Have the broker forget messages; raises `Unavailable`."""
        for each in handles:
            self._settle(each, Delivery.ACCEPTED)
            if self._link is not None:
                self._link.flow(1)
        with self.translated():
            self.flush()

    def give_back(self, handle: Delivery) -> None:
        """Have the broker deliver a message to another consumer."""
        self._settle(handle, Delivery.RELEASED)

    def refuse(self, handle: Delivery) -> None:
        """Reject a message; brokers make it a dead letter if they have a place for these."""
        self._settle(handle, Delivery.REJECTED)
        if self._link is not None:
            self._link.flow(1)

    def _settle(self, delivery: Delivery, outcome: int) -> None:
        delivery.update(outcome)
        delivery.settle()

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the thread that is in `wait` call this; does nothing if the connection is closed."""
        self._calls.call_soon(function)

    def end_links(self) -> None:
        """Leave the link; that of a durable subscription is kept by the broker."""
        if self._link is not None:
            if self._durable:
                self._link.detach()
            else:
                self._link.close()

    def close(self) -> None:
        """End the connection in order, so that the broker has dealt with what was told before."""
        super().close()
        self._calls.close()


def _has_filter(source: Terminus) -> bool:
    granted = source.filter
    granted.rewind()
    if not granted.next():
        return False
    found = granted.get_object()
    return isinstance(found, dict) and SELECTOR in found
