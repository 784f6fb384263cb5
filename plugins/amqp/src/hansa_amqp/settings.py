"""The settings of AMQP connections."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, setting
from hansa_connect.consuming import ConsumerSettings
from hansa_connect.login import ChannelLogin, LoginSettings, OutgoingLogin
from hansa_connect.pooled import PoolSettings
from hansa_connect.tls import TlsSettings

from .queues import QueueSettings
from .validation import normalize_properties, property_faults


class BrokerSettings(QueueSettings, PoolSettings, TlsSettings, LoginSettings):
    """Exchange.

    Where a broker is, how to log in, and what to declare there.

    User name and password are `guest` if they are empty, the port is 5672, or 5671 with TLS.
    """

    vhost: Annotated[str, setting("Virtual host")] = "/"
    exchange: Annotated[
        str, setting("Exchange; empty for the default one, whose routing keys are queues")
    ] = ""
    exchange_type: Annotated[
        Literal["direct", "topic", "fanout", "headers"],
        setting("Type of the exchange if it is declared", advanced=True),
    ] = "direct"
    routing_key: Annotated[str, setting("Routing key", max_length=255)] = ""


class SubscriptionSettings(ConsumerSettings, ChannelLogin, BrokerSettings):
    """Subscription."""

    queue: Annotated[str, setting("Queue to consume", max_length=200, pattern=r"^[^\r\n]+$")]
    prefetch: Annotated[
        int,
        setting(
            "Maximum unacknowledged messages of one worker; 2 to 4 times `pool`", ge=1, le=65535
        ),
    ] = 20
    dead_letter_exchange: Annotated[
        str, setting("Exchange for dead letters; empty for the default one")
    ] = ""
    dead_letter_routing_key: Annotated[
        str, setting("Routing key of dead letters; empty for QUEUE.dead-letter", max_length=255)
    ] = ""
    consumer_tag: Annotated[
        str, setting("Prefix of the consumer tag; the rest is random", max_length=99)
    ] = "hansa"
    heartbeat: Annotated[
        int,
        setting("Seconds of silence after which the broker is lost; 0 for never", ge=0, le=9999),
    ] = 10

    @property
    def dead_letter_key(self) -> str:
        """The routing key of dead letters: the one that is set, or the name of their queue."""
        return self.dead_letter_routing_key or f"{self.queue}.dead-letter"


class PublishingSettings(OutgoingLogin, BrokerSettings):
    """Publishing."""

    queue: Annotated[
        str, setting("Queue to declare and bind", max_length=255, pattern=r"^[^\r\n]*$")
    ] = ""
    persistent: Annotated[
        bool, setting("Have the broker keep messages on disk, in durable queues")
    ] = True
    properties: Annotated[
        dict[str, str | int],
        setting("Default properties of messages, such as app_id or priority"),
    ] = {}

    def check(self) -> None:
        """Refuse properties that cannot be sent, and arguments of no queue; raises `Invalid`."""
        super().check()
        found = property_faults(normalize_properties(self.properties))
        faults = {f"properties.{name}": fault for name, fault in found.items()}
        if not self.queue and len(self.declared_arguments()) > 1:
            faults["queue"] = "required with arguments of a queue"
        if faults:
            raise Invalid(faults)
