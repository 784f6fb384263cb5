"""The channel amqp: consumes a queue of an AMQP 0-9-1 broker such as RabbitMQ."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from hansa import Unavailable, new_cid
from hansa_connect.consuming import ConsumingChannel
from hansa_connect.delivery import Delivery, Headers

from .broker import BrokerConnections
from .settings import SubscriptionSettings

if TYPE_CHECKING:
    from pika import spec

    from .connection import Connection
    from .properties import Properties

DIVERTING = ("CC", "BCC")
"""Headers by which the broker would send a copy to further queues."""


class AmqpChannel(BrokerConnections[SubscriptionSettings], ConsumingChannel[SubscriptionSettings]):
    """Consumes a queue of an AMQP broker.

    A message is acknowledged once its service has handled it, or the broker has it as a dead
    letter.
    """

    type = "amqp"

    _consumer: Connection | None = None

    @property
    def consumer(self) -> Connection:
        """The connection that consumes; raises `Unavailable` before `connect`."""
        if self._consumer is None:
            raise Unavailable(f"{self.what} is not started")
        return self._consumer

    def connect(self) -> None:
        """Open a connection to publish and one to consume, check the queues, and subscribe."""
        config = self.config
        consumer = self.new_connection(config.heartbeat)
        self.open_pool()
        self._consumer = consumer
        consumer.open(config.timeout)
        if config.dead_letter_exchange:
            consumer.declare(config.queue)
        else:
            consumer.declare(config.queue, config.dead_letter_key)
        tag = f"{config.consumer_tag}.{new_cid()}"
        consumer.subscribe(config.queue, tag, config.prefetch, self._receive, self._cancelled)

    def disconnect(self) -> None:
        """Close all connections."""
        self.close_pool()
        if self._consumer is not None:
            self._consumer.close()

    def receive(self) -> None:
        """Wait for the broker, or for `wake`."""
        self.consumer.wait()

    def wake(self, call: Callable[[], None]) -> None:
        """Have the reader call this."""
        self.consumer.call_soon(call)

    def acknowledge(self, delivery: Delivery, multiple: bool) -> None:
        """Send basic.ack."""
        self.consumer.channel.basic_ack(delivery.tag, multiple)

    def give_back(self, delivery: Delivery) -> None:
        """Send basic.nack."""
        self.consumer.channel.basic_nack(delivery.tag)

    def cancel(self) -> None:
        """Send basic.cancel."""
        self.consumer.channel.stop_consuming()

    def abort(self) -> None:
        """Shut the connection down."""
        self.consumer.abort()

    def forward(self, delivery: Delivery, headers: Headers, dead: bool) -> None:
        """Publish a copy, without what would have the broker refuse, divert or expire it."""
        properties = copy.copy(delivery.properties)
        properties.headers = {
            name: value for name, value in headers.items() if name not in DIVERTING
        }
        properties.user_id = None
        if dead:
            properties.expiration = None
            exchange = self.config.dead_letter_exchange
            routing_key = self.config.dead_letter_key
        else:
            exchange = ""
            routing_key = self.config.queue
        with self.pool.use() as connection:
            connection.publish(exchange, routing_key, delivery.body, properties)

    def _receive(
        self, channel: object, method: spec.Basic.Deliver, properties: Properties, body: bytes
    ) -> None:
        given = {
            name: value
            for name, value in vars(properties).items()
            if value is not None and name != "headers"
        }
        origin = {
            "queue": self.config.queue,
            "exchange": method.exchange,
            "routing-key": method.routing_key,
        }
        extra = {
            "redelivered": method.redelivered,
            "consumer_tag": method.consumer_tag,
            "properties": given,
        }
        delivery = Delivery(
            method.delivery_tag,
            body,
            properties.headers or {},
            redelivered=method.redelivered,
            origin=origin,
            identity=str(given),
            extra=extra,
            properties=properties,
            fault=properties.fault,
        )
        self.take(delivery)

    def _cancelled(self, frame: object) -> None:
        raise Unavailable(
            f"the broker has cancelled the subscription: the queue {self.config.queue!r} is gone"
        )
