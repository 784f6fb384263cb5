"""The settings of JMS connections, over STOMP or AMQP 1.0."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, setting
from hansa_connect.consuming import ConsumerSettings
from hansa_connect.login import ChannelLogin, LoginSettings, OutgoingLogin
from hansa_connect.pooled import PoolSettings
from hansa_connect.tls import TlsSettings

PORTS = {
    ("stomp", False): 61613,
    ("stomp", True): 61614,
    ("amqp", False): 5672,
    ("amqp", True): 5671,
}
"""The usual ports, by protocol and whether it is encrypted."""
_NAME = r"^[^\r\n\x00,?*>]*$"
"""A destination: a comma, a question mark and wildcards mean more than a name to ActiveMQ."""
_REQUIRED_NAME = r"^[^\r\n\x00,?*>]+$"
_TOPIC = r"^[^\r\n\x00,?]+$"
_LINE = r"^[^\r\n\x00]*$"


class BrokerSettings(PoolSettings, TlsSettings, LoginSettings):
    """Broker.

    Where a broker is, what it speaks, and how to log in.

    The port of STOMP is 61613, or 61614 with TLS, that of AMQP 5672, or 5671 with TLS.
    """

    protocol: Annotated[
        Literal["stomp", "amqp"],
        setting("What the broker speaks: STOMP 1.2, or AMQP 1.0, which needs `hansa-jms[amqp]`"),
    ] = "stomp"

    virtual_host: Annotated[
        str,
        setting(
            "Virtual host, for brokers that have some; empty for the name of the server",
            pattern=_LINE,
            advanced=True,
        ),
    ] = ""
    queue_prefix: Annotated[
        str,
        setting(
            "What addresses of queues begin with, with AMQP; empty for what the broker tells",
            example="/amq/queue/",
            pattern=_LINE,
            max_length=100,
            advanced=True,
        ),
    ] = ""
    topic_prefix: Annotated[
        str,
        setting(
            "What addresses of topics begin with, with AMQP; empty for what the broker tells",
            example="/topic/",
            pattern=_LINE,
            max_length=100,
            advanced=True,
        ),
    ] = ""

    @property
    def effective_port(self) -> int:
        """The port, or the one that is usual for the protocol and the encryption."""
        return self.port or PORTS[self.protocol, self.tls]

    def check(self) -> None:
        """Refuse what belongs to the other protocol; raises `Invalid`."""
        super().check()
        if self.protocol == "stomp":
            given = [name for name in ("queue_prefix", "topic_prefix") if getattr(self, name)]
            if given:
                raise Invalid(dict.fromkeys(given, 'is of AMQP, and protocol is "stomp"'))


class ReceivingSettings(ConsumerSettings, ChannelLogin, BrokerSettings):
    """Subscription."""

    selector: Annotated[
        str,
        setting(
            "JMS selector: only messages that meet it are received",
            example="kind = 'order' AND region IN ('EU', 'UK')",
        ),
    ] = ""
    prefetch: Annotated[
        int,
        setting(
            "Maximum unacknowledged messages of one worker; 2 to 4 times `pool`", ge=1, le=65535
        ),
    ] = 20
    maps: Annotated[
        bool,
        setting(
            "Receive map messages, for which a broker needs XStream with STOMP; else they arrive empty"
        ),
    ] = True
    heartbeat: Annotated[
        int,
        setting("Seconds of silence after which the broker is lost; 0 for never", ge=0, le=9999),
    ] = 10


class QueueSettings(ReceivingSettings):
    """Queue."""

    queue: Annotated[str, setting("Queue to consume", max_length=200, pattern=_REQUIRED_NAME)]
    dead_letter_queue: Annotated[
        str, setting("Queue for dead letters; empty for QUEUE.dead-letter", pattern=_NAME)
    ] = ""

    @property
    def dead_letters(self) -> str:
        """The queue of dead letters: the one that is set, or the one named after the queue."""
        return self.dead_letter_queue or f"{self.queue}.dead-letter"


class TopicSettings(ReceivingSettings):
    """Topic."""

    topic: Annotated[
        str,
        setting("Topic to subscribe to; `*` and `>` are wildcards", max_length=200, pattern=_TOPIC),
    ]
    durable: Annotated[
        bool,
        setting("Have the broker keep messages while the channel does not run"),
    ] = True
    client_id: Annotated[
        str,
        setting(
            "Client id of the durable subscription; empty for hansa.NAME, with the channel's name",
            max_length=200,
            pattern=_LINE,
        ),
    ] = ""
    subscription: Annotated[
        str,
        setting(
            "Name of the durable subscription; empty for the channel's name",
            max_length=200,
            pattern=_LINE,
        ),
    ] = ""
    dead_letter_queue: Annotated[
        str,
        setting("Queue for dead letters; empty for TOPIC.dead-letter", pattern=_NAME),
    ] = ""

    @property
    def dead_letters(self) -> str:
        """The queue of dead letters: the one that is set, or the one named after the topic."""
        return self.dead_letter_queue or f"{self.topic}.dead-letter"

    def check(self) -> None:
        """Refuse wildcards without a queue for dead letters; raises `Invalid`."""
        super().check()
        faults: dict[str, str] = {}
        wild = "*" in self.topic or ">" in self.topic
        if wild and not self.dead_letter_queue:
            faults["dead_letter_queue"] = "required with wildcards in topic"
        if not self.durable:
            for name in ("client_id", "subscription"):
                if getattr(self, name):
                    faults[name] = "is of a durable subscription, and durable is false"
        if faults:
            raise Invalid(faults)


class SendingSettings(OutgoingLogin, BrokerSettings):
    """Sending."""

    queue: Annotated[
        str, setting("Queue that messages go to if none is given", pattern=_NAME, max_length=200)
    ] = ""
    topic: Annotated[
        str, setting("Topic that messages go to if none is given", pattern=_NAME, max_length=200)
    ] = ""
    persistent: Annotated[bool, setting("Have the broker keep messages on disk")] = True
    priority: Annotated[
        int, setting("Priority of messages, from 0 to 9, if none is given", ge=0, le=9)
    ] = 4
    time_to_live: Annotated[
        float,
        setting("Seconds after which messages expire, if none are given; 0 for never", ge=0),
    ] = 0.0
    max_body: Annotated[
        int,
        setting(
            "Maximum size of a message in bytes; a larger one is refused, as it would be by the "
            "broker: ActiveMQ takes 100 MiB",
            ge=1,
        ),
    ] = 16 * 1024 * 1024

    def check(self) -> None:
        """Refuse a queue beside a topic; raises `Invalid`."""
        super().check()
        if self.queue and self.topic:
            raise Invalid(dict.fromkeys(("queue", "topic"), "give either queue or topic"))

    @property
    def destination(self) -> str:
        """Where messages go if no destination is given; empty for nowhere."""
        if self.topic:
            return f"/topic/{self.topic}"
        return f"/queue/{self.queue}" if self.queue else ""
