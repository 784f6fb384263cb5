"""The outgoing connection jms: sends text, bytes and map messages."""

from __future__ import annotations

from collections.abc import Mapping

from hansa import current_cid
from hansa_connect.pooled import PooledOutgoing

from .broker import BrokerConnections
from .messages import Body, Options, PropertyValue, check_message, own_properties
from .settings import SendingSettings
from .wire import Outbound, Sending


class JmsOutgoing(BrokerConnections[SendingSettings], PooledOutgoing[SendingSettings, Sending]):
    """Sends messages and waits until the broker has them: `self.outgoing.jms["name"].send("text")`.

    Safe in many threads.
    """

    type = "jms"

    def send(
        self,
        message: Body,
        destination: str | None = None,
        timeout: float = 0,
        *,
        properties: Mapping[str, PropertyValue] | None = None,
        correlation_id: str = "",
        reply_to: str = "",
        message_type: str = "",
        priority: int | None = None,
        time_to_live: float | None = None,
        persistent: bool | None = None,
    ) -> None:
        """Send a message, and return once the broker has it.

        Text is sent as a text message, bytes as a bytes message, and a dict as a map message. A
        `destination` is `/queue/NAME`, `/topic/NAME`, the `reply_to` of a message that was
        received, or the name of a queue; without one it is that of the settings. `timeout` and
        `time_to_live` are seconds. What is None is as in the settings.

        Raises `Invalid` for what cannot be sent, by the name of the argument or property,
        `TooLarge`, `Unavailable` if the broker cannot be reached or refuses it, and `TimedOut`;
        after the last two it may have arrived all the same.
        """
        config = self.config
        options = Options(
            destination=config.destination if destination is None else destination,
            correlation_id=correlation_id,
            reply_to=reply_to,
            message_type=message_type,
            priority=config.priority if priority is None else priority,
            time_to_live=config.time_to_live if time_to_live is None else time_to_live,
            persistent=config.persistent if persistent is None else persistent,
        )
        bytes_in_maps = config.protocol == "amqp"
        check_message(message, properties, options, bytes_in_maps=bytes_in_maps)
        added = own_properties(current_cid.get())
        outbound = Outbound(message, properties or {}, added, options, config.max_body)
        with self.observed(), self.pool.use(timeout or None) as connection:
            connection.send(outbound)
