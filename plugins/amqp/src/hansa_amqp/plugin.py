"""The types channel amqp and outgoing amqp: messages consumed from and published to an AMQP 0-9-1 broker such as RabbitMQ."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Annotated, Any, Literal

from hansa import Invalid, Unavailable, current_cid, hookimpl, new_cid, setting
from hansa_connect.consuming import Consuming, ConsumingChannel
from hansa_connect.delivery import Delivery
from hansa_connect.login import Login
from hansa_connect.pooled import Pooled, PooledOutgoing

Given = str | None
Queue = Literal["", "classic", "quorum"]
Exchange = Literal["direct", "topic", "fanout", "headers"]


class Broker(Login):
    """Where a broker is, how to talk to it, and what to declare there. User name and password are guest if not given."""

    vhost: Annotated[str, setting("Virtual host")] = "/"
    declare: Annotated[
        Queue, setting("Type of queues to declare, and exchange and binding; empty: none")
    ] = ""
    exchange: Annotated[
        str, setting("Exchange; empty for the default one, where a routing key is a queue")
    ] = ""
    exchange_type: Annotated[
        Exchange, setting("Type of an exchange that is declared", advanced=True)
    ] = "direct"
    routing_key: Annotated[str, setting("Routing key", max_length=255)] = ""


class Subscription(Broker, Consuming):
    """Settings of the channel."""

    queue: Annotated[str, setting("Queue to consume", max_length=200, pattern=r"^[^\r\n]+$")]
    prefetch: Annotated[
        int, setting("Most messages in hand of one worker; 2 to 4 times the pool", ge=1, le=65535)
    ] = 20
    dead_letter_exchange: Annotated[
        str, setting("Exchange for dead letters; empty for the default one")
    ] = ""
    dead_letter_routing_key: Annotated[
        str, setting("Their routing key; empty: QUEUE.dead-letter", max_length=255)
    ] = ""
    consumer_tag: Annotated[
        str, setting("Beginning of the consumer tag; the rest is made up", max_length=99)
    ] = "hansa"
    heartbeat: Annotated[
        int, setting("Seconds of silence until the broker is lost; 0: for ever", ge=0, le=9999)
    ] = 10


class Publishing(Broker):
    """Settings of the outgoing connection."""

    queue: Annotated[
        str, setting("Queue to declare and to bind", max_length=255, pattern=r"^[^\r\n]*$")
    ] = ""
    persistent: Annotated[
        bool, setting("Have the broker keep messages on disk, in durable queues")
    ] = True
    properties: Annotated[
        dict[str, str | int], setting("Properties of messages without their own: app_id ...")
    ] = {}


class _Amqp(Pooled):
    def new_connection(self, heartbeat: int = 0) -> Any:
        from .connection import Connection  # pika is not for workers that do without it

        return Connection(self.config, f"hansa {self.kind} {self.name}", heartbeat)


class AmqpChannel(_Amqp, ConsumingChannel):
    """Consumes a queue; a message is acknowledged once its service has handled it, or the broker has it as a dead letter."""

    type, Config = "amqp", Subscription

    _consumer: Any = None

    def connect(self) -> None:
        """Open a connection to publish and one to consume, see that the queues are there, and subscribe."""
        config, consumer = self.config, self.new_connection(self.config.heartbeat)
        self.open_pool()
        self._consumer, self._dead = (
            consumer,
            config.dead_letter_routing_key or f"{config.queue}.dead-letter",
        )
        consumer.open(config.timeout)
        with consumer.told():
            consumer.declare(config.queue, *([] if config.dead_letter_exchange else [self._dead]))
            consumer.channel.add_on_cancel_callback(self._cancelled)
            consumer.channel.basic_qos(prefetch_count=config.prefetch)
            tag = f"{config.consumer_tag}.{new_cid()}"
            consumer.channel.basic_consume(config.queue, self._receive, consumer_tag=tag)

    def receive(self) -> None:
        """Wait for the broker, or for `wake`."""
        with self._consumer.told():
            self._consumer.pika.process_data_events(None)

    def wake(self, call: Callable[[], None]) -> None:
        """Have the reader call this."""
        self._consumer.call(call)

    def acknowledge(self, delivery: Delivery, multiple: bool) -> None:
        """Send basic.ack."""
        self._consumer.channel.basic_ack(delivery.tag, multiple)

    def give_back(self, delivery: Delivery) -> None:
        """Send basic.nack."""
        self._consumer.channel.basic_nack(delivery.tag)

    def cancel(self) -> None:
        """Send basic.cancel."""
        self._consumer.channel.stop_consuming()

    def forward(self, delivery: Delivery, headers: dict[Any, Any], dead: bool) -> None:
        """Publish a copy, without what the broker would refuse, send elsewhere, or let a dead letter expire by."""
        properties = copy.copy(delivery.properties)
        properties.headers = {
            name: value for name, value in headers.items() if name not in ("CC", "BCC")
        }
        properties.user_id, properties.expiration = None, None if dead else properties.expiration
        to = (self.config.dead_letter_exchange, self._dead) if dead else ("", self.config.queue)
        with self.pool.use() as connection:
            connection.publish(*to, delivery.body, properties)

    def abort(self) -> None:
        """Shut the connection down."""
        self._consumer.abort()

    def disconnect(self) -> None:
        """Close all connections."""
        self.close_pool()
        if self._consumer is not None:
            self._consumer.close()

    def _receive(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
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
        more = {
            "identity": str(given),
            "extra": extra,
            "properties": properties,
            "fault": properties.fault,
        }
        self.take(
            Delivery(
                method.delivery_tag,
                body,
                properties.headers or {},
                method.redelivered,
                origin,
                **more,
            )
        )

    def _cancelled(self, frame: Any) -> None:
        raise Unavailable(
            f"the broker has cancelled the subscription: the queue {self.config.queue!r} is gone"
        )


class AmqpOutgoing(_Amqp, PooledOutgoing):
    """Publishes messages and waits for confirmation; safe in many threads: `self.outgoing.amqp["name"].publish("text")`."""

    type, Config = "amqp", Publishing

    def began(self, connection: Any) -> None:
        """Declare what is asked for."""
        with connection.told():
            connection.declare(*filter(None, [self.config.queue]))

    def publish(
        self,
        message: str | bytes,
        routing_key: Given = None,
        exchange: Given = None,
        timeout: float = 0,
        **more: Any,
    ) -> str:
        """Publish a message and wait until the broker has confirmed it; gives its message id.

        Routing key, exchange and `timeout` (seconds in all) are those of the settings if not given. `more` are `headers` and the
        other properties of AMQP, such as `correlation_id`. Raises `Invalid` for what cannot be sent, `Unavailable` if the broker
        cannot be reached, no queue takes the message or a queue refuses it, and `TimedOut`; after the last two it may have arrived
        all the same.
        """
        if not isinstance(message, str | bytes):
            raise Invalid(f"a message is text or bytes, not {type(message).__name__}")
        own, cid = self.config, current_cid.get()
        headers = {
            "x-hansa-cid": new_cid() if cid == "-" else cid,
            **(more.pop("headers", None) or {}),
        }
        told = {
            "message_id": new_cid(),
            "delivery_mode": 2 if own.persistent else 1,
            **own.properties,
            **more,
        }
        to = (
            own.exchange if exchange is None else exchange,
            own.routing_key if routing_key is None else routing_key,
        )
        body = message.encode() if isinstance(message, str) else message
        with self.pool.use(timeout or None) as connection:
            connection.publish(*to, body, connection.properties(headers=headers, **told))
        return str(told["message_id"])


@hookimpl
def hansa_transports() -> list[type[Any]]:
    """Give both types."""
    return [AmqpChannel, AmqpOutgoing]
