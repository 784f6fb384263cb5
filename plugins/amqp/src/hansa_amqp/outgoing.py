"""The outgoing connection amqp: publishes messages to an AMQP 0-9-1 broker such as RabbitMQ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hansa import Invalid, Unavailable, current_cid, new_cid, trace_headers
from hansa_connect.pooled import PooledOutgoing

from .broker import BrokerConnections
from .settings import PublishingSettings
from .validation import header_faults, normalize_properties, property_faults, short_string_fault

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
        `properties` are those of AMQP, such as `correlation_id`; an `expiration` is milliseconds,
        as a number or its digits. Raises `Invalid` for what cannot be sent, by the name of the
        property or header, and for a message that the broker refuses as such, `Unavailable` if the
        broker cannot be reached, no queue takes the message or a queue refuses it, and `TimedOut`;
        after the last two it may have arrived all the same.
        """
        # pika is imported by then
        from .connection import is_refused_message
        from .properties import Properties

        body = _body(message)
        config = self.config
        cid = current_cid.get()
        own_headers = {"x-hansa-cid": new_cid() if cid == "-" else cid, **trace_headers()}
        all_properties = {
            "message_id": new_cid(),
            "delivery_mode": PERSISTENT if config.persistent else TRANSIENT,
            **normalize_properties(config.properties),
            **normalize_properties(properties),
        }
        if exchange is None:
            exchange = config.exchange
        if routing_key is None:
            routing_key = config.routing_key
        _check(exchange, routing_key, {} if headers is None else headers, all_properties)
        with self.observed(), self.pool.use(timeout or None) as connection:
            made = Properties(headers={**own_headers, **(headers or {})}, **all_properties)
            try:
                connection.publish(exchange, routing_key, body, made)
            except Unavailable as error:
                if is_refused_message(error):
                    raise Invalid(f"the message cannot be sent: {error.detail}") from error
                raise
        return str(all_properties["message_id"])


def _body(message: object) -> bytes:
    """Return the bytes of a message; raises `Invalid` for what is neither bytes nor text."""
    if isinstance(message, bytes):
        return message
    if not isinstance(message, str):
        raise Invalid(f"a message is text or bytes, not {type(message).__name__}")
    try:
        return message.encode()
    except UnicodeEncodeError as error:
        raise Invalid("the message has characters that UTF-8 does not have") from error


def _check(
    exchange: object, routing_key: object, headers: object, properties: Mapping[str, object]
) -> None:
    """Refuse what AMQP cannot carry, all faults at once; raises `Invalid`."""
    faults = {
        "exchange": short_string_fault(exchange),
        "routing_key": short_string_fault(routing_key),
        **property_faults(properties),
    }
    if isinstance(headers, Mapping):
        faults |= header_faults(headers)
    else:
        faults["headers"] = f"must be a dict, not {type(headers).__name__}"
    found = {name: fault for name, fault in faults.items() if fault}
    if found:
        text = "; ".join(f"{name} {fault}" for name, fault in found.items())
        raise Invalid(found, f"the message cannot be sent: {text}")
