"""The outgoing connection amqp: publishes messages to an AMQP 0-9-1 broker such as RabbitMQ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hansa import Invalid, current_cid, new_cid
from hansa_connect.pooled import PooledOutgoing

from .broker import BrokerConnections
from .settings import PublishingSettings

if TYPE_CHECKING:
    from .connection import Connection

TRANSIENT = 1
PERSISTENT = 2


class AmqpOutgoing(
    BrokerConnections[PublishingSettings], PooledOutgoing[PublishingSettings, "Connection"]
):
    """Publishes messages and waits for confirmation: `self.outgoing.amqp["name"].publish("text")`.

    Safe in many threads.
    """

    type = "amqp"

    def prepare_server(self, connection: Connection) -> None:
        """Declare what the settings ask for."""
        if self.config.queue:
            connection.declare(self.config.queue)
        else:
            connection.declare()

    def publish(
        self,
        message: str | bytes,
        routing_key: str | None = None,
        exchange: str | None = None,
        timeout: float = 0,
        *,
        headers: Mapping[str, object] | None = None,
        **properties: Any,
    ) -> str:
        """Publish a message, wait until the broker has confirmed it, and return its message id.

        Routing key, exchange and `timeout` (seconds in all) are those of the settings if not given.
        `properties` are those of AMQP, such as `correlation_id`. Raises `Invalid` for what cannot
        be sent, `Unavailable` if the broker cannot be reached, no queue takes the message or a
        queue refuses it, and `TimedOut`; after the last two it may have arrived all the same.
        """
        # pika is imported by then
        from .properties import Properties

        if not isinstance(message, str | bytes):
            raise Invalid(f"a message is text or bytes, not {type(message).__name__}")
        config = self.config
        cid = current_cid.get()
        all_headers = {"x-hansa-cid": new_cid() if cid == "-" else cid, **(headers or {})}
        all_properties = {
            "message_id": new_cid(),
            "delivery_mode": PERSISTENT if config.persistent else TRANSIENT,
            **config.properties,
            **properties,
        }
        if exchange is None:
            exchange = config.exchange
        if routing_key is None:
            routing_key = config.routing_key
        body = message.encode() if isinstance(message, str) else message
        with self.pool.use(timeout or None) as connection:
            made = Properties(headers=all_headers, **all_properties)
            connection.publish(exchange, routing_key, body, made)
        return str(all_properties["message_id"])
