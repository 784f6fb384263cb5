"""A connection that receives over AMQP 1.0: one link, with credit for as many messages as may be in hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import proton
from hansa import Unavailable
from proton import Delivery, Described, Event, Receiver, Terminus, symbol, ulong

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
CREDITS = 4
"""Credit is given so many times, at least, while as many messages are handled as may be in hand."""
_LEFT = (Event.LINK_REMOTE_CLOSE, Event.LINK_REMOTE_DETACH)


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
        self._credit = 0
        self._owed = 0
        self._cancelled = False
        self._has_left = False

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
            self._credit = subscription.prefetch
            link.flow(self._credit)
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

    def happened(self, event: Event) -> None:
        """Take what has come of a message, and note the end of the link."""
        if self._link is None or event.link != self._link:
            return
        delivery = event.delivery
        if event.type == Event.DELIVERY and delivery is not None and delivery.readable:
            self._take(self._link, delivery)
        elif event.type in _LEFT:
            self._has_left = True

    def _take(self, link: Receiver, delivery: Delivery) -> None:
        """Take what has come of a message; what is more than can be held is dropped as it comes."""
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
        if self._cancelled:
            self._take_credit_back()  # it was on its way, and used what is not there
        if delivery.aborted:
            delivery.settle()
            self._ask_for_another()
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
            self._ask_for_another()
        with self.translated():
            self.flush()

    def give_back(self, handle: Delivery) -> None:
        """Have the broker deliver a message to another consumer."""
        self._settle(handle, Delivery.RELEASED)

    def refuse(self, handle: Delivery) -> None:
        """Reject a message; brokers make it a dead letter if they have a place for these."""
        self._settle(handle, Delivery.REJECTED)
        self._ask_for_another()

    def cancel(self) -> None:
        """Take back the credit that is left, and give no more."""
        self._cancelled = True
        self._take_credit_back()

    def _take_credit_back(self) -> None:
        # not `drain`: it crashes the session of RabbitMQ 3.10, and what was acknowledged comes again
        if self._link is not None and self._link.credit:
            self._link.flow(-self._link.credit)

    def _ask_for_another(self) -> None:
        """Give credit for one more message, together with that for others: it costs a broker time."""
        self._owed += 1
        if self._link is None or self._cancelled or self._owed <= self._credit // CREDITS:
            return
        self._link.flow(self._owed)
        self._owed = 0

    def _settle(self, delivery: Delivery, outcome: int) -> None:
        delivery.update(outcome)
        delivery.settle()

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the thread that is in `wait` call this; does nothing if the connection is closed."""
        self._calls.call_soon(function)

    def leave(self) -> None:
        """Leave the link, and wait until the broker has done so: it has read all before.

        That of a durable subscription is kept by the broker. The end of the session would say as
        much, but RabbitMQ does not always tell it.
        """
        if self._link is None:
            return
        if self._durable:
            self._link.detach()
        else:
            self._link.close()
        self.flush()
        deadline = self.deadline()
        while not self._has_left:
            self.read(deadline)

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
