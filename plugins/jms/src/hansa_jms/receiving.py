"""What the channels of queues and of topics have in common: how messages come and what is told."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from hansa import Unavailable
from hansa_connect.consuming import ConsumingChannel
from hansa_connect.delivery import Delivery, Headers

from .broker import BrokerConnections
from .messages import from_properties, to_properties
from .settings import ReceivingSettings
from .wire import Received, Receiving, Subscription

ReceivingT = TypeVar("ReceivingT", bound=ReceivingSettings)


class ReceivingChannel(BrokerConnections[ReceivingT], ConsumingChannel[ReceivingT]):
    """Base of both channels: a subclass says what to subscribe to, and where copies go."""

    _subscriber: Receiving | None = None
    _cancelled = False

    def source(self) -> str:
        """Return the destination to subscribe to."""
        raise NotImplementedError

    def dead_letters(self) -> str:
        """Return the destination of dead letters."""
        raise NotImplementedError

    def client_id(self) -> str:
        """Return the client id of a durable subscription; empty for none."""
        return ""

    def subscription(self) -> str:
        """Return the name of a durable subscription; empty for none."""
        return ""

    @property
    def subscriber(self) -> Receiving:
        """The connection that receives; raises `Unavailable` before `connect`."""
        if self._subscriber is None:
            raise Unavailable(f"{self.what} is not started")
        return self._subscriber

    def connect(self) -> None:
        """Open a connection to send copies and one to receive, and subscribe."""
        config = self.config
        self._unacknowledged: OrderedDict[int, Any] = OrderedDict()  # handles, by number
        self._number = 0
        self.open_pool()
        self._subscriber = self.new_subscriber(self.client_id(), float(config.heartbeat))
        self._subscriber.open(config.timeout)
        self._subscriber.subscribe(
            Subscription(
                destination=self.source(),
                selector=config.selector,
                prefetch=config.prefetch,
                maps=config.maps,
                durable=self.subscription(),
                max_body=config.max_body,
            )
        )

    def disconnect(self) -> None:
        """Close all connections; the broker delivers again what was not acknowledged."""
        self.close_pool()
        if self._subscriber is not None:
            self._subscriber.close()

    def receive(self) -> None:
        """Wait for the broker, or for `wake`."""
        for message in self.subscriber.wait():
            self._receive(message)

    def wake(self, call: Callable[[], None]) -> None:
        """Have the reader call this."""
        if self._subscriber is not None:
            self._subscriber.call_soon(call)

    def acknowledge(self, delivery: Delivery, multiple: bool) -> None:
        """Have the broker forget a message, or all up to it."""
        waiting = self._unacknowledged
        if multiple:
            numbers = [number for number in waiting if number <= delivery.tag]
        else:
            numbers = [delivery.tag]
        self.subscriber.acknowledge(
            [waiting.pop(number) for number in numbers if number in waiting]
        )

    def give_back(self, delivery: Delivery) -> None:
        """Have the broker deliver a message to another consumer, at once or when this one ends."""
        handle = self._unacknowledged.pop(delivery.tag, None)
        if handle is not None:
            self.subscriber.give_back(handle)

    def cancel(self) -> None:
        """Take no more: what still comes is given back.

        After an end of the subscription, brokers would not let messages be acknowledged that are in
        hand.
        """
        self._cancelled = True
        self.subscriber.cancel()

    def abort(self) -> None:
        """Shut the connection down."""
        self.subscriber.abort()

    def forward(self, delivery: Delivery, headers: Headers, dead: bool) -> None:
        """Send a copy, and wait until the broker has it."""
        message: Received = delivery.properties
        to = self.dead_letters() if dead else self.source()
        with self.pool.use() as connection:
            connection.send_copy(message, to_properties(headers), to, dead)

    # -- a message ---------------------------------------------------------------------------------

    def _receive(self, message: Received) -> None:
        if self._cancelled:
            self.subscriber.give_back(message.handle)
            return
        if message.too_large:
            self.log.error(
                "a message of %d bytes is more than can be held: the broker gets it back as a dead letter",
                message.size,
            )
            self.subscriber.refuse(message.handle)
            return
        self._number += 1
        self._unacknowledged[self._number] = message.handle
        self.take(self._delivery(message))

    def _delivery(self, message: Received) -> Delivery:
        extra: dict[str, object] = {
            "kind": message.kind,
            "redelivered": message.redelivered,
            "message_id": message.message_id,
            "correlation_id": message.correlation_id,
            "reply_to": message.reply_to,
            "message_type": message.message_type,
            "priority": message.priority,
            "expires": message.expires,
            "timestamp": message.timestamp,
            "properties": message.properties,
        }
        if message.items is not None:
            extra["map"] = message.items
        return Delivery(
            self._number,
            message.body,
            from_properties(message.properties),
            redelivered=message.redelivered,
            origin={"destination": message.destination},
            identity=message.message_id,
            extra=extra,
            properties=message,
            fault=message.fault,
        )
