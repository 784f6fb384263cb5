"""The settings of MQTT connections."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from hansa import Invalid, Model, setting
from hansa_connect.login import ChannelLogin, LoginSettings, OutgoingLogin
from hansa_connect.pulling import PrefetchSettings
from hansa_connect.tls import TlsSettings

from .topics import filter_fault, share_fault, text_fault, topic_fault

QoS: TypeAlias = Literal[0, 1, 2]
"""Quality of service: 0 at most once, 1 at least once, 2 exactly once on its way."""


class WillSettings(Model):
    """Last will.

    What the broker publishes when this connection is lost without having been closed.
    """

    will_topic: Annotated[str, setting("Topic of the last will; empty for none", advanced=True)] = (
        ""
    )
    will_message: Annotated[str, setting("Text of the last will", advanced=True)] = ""
    will_qos: Annotated[QoS, setting("Quality of service of the last will", advanced=True)] = 1
    will_retain: Annotated[
        bool, setting("Have the broker keep the last will as a retained message", advanced=True)
    ] = False


class BrokerSettings(WillSettings, TlsSettings, LoginSettings):
    """Broker.

    Where a broker is, how to log in, and which MQTT to speak.

    The port is 1883, or 8883 with TLS, if it is 0.
    """

    version: Annotated[Literal["5", "3.1.1"], setting("Version of MQTT")] = "5"
    client_id: Annotated[
        str,
        setting(
            "Client identifier; empty for one made of the definition's name. Two connections with "
            "the same one throw each other out",
            max_length=200,
        ),
    ] = ""
    keep_alive: Annotated[
        int,
        setting(
            "Seconds of silence after which the broker is asked whether it is still there; after "
            "as many more it is lost",
            ge=1,
            le=3600,
        ),
    ] = 10
    timeout: Annotated[
        float,
        setting("Time limit in seconds for connecting, and for each answer", gt=0, le=600),
    ] = 10.0

    def check(self) -> None:
        """Refuse texts that MQTT does not have; raises `Invalid`."""
        super().check()
        faults = {
            "client_id": text_fault(self.client_id),
            "will_topic": topic_fault(self.will_topic) if self.will_topic else "",
        }
        if self.will_message and not self.will_topic:
            faults["will_topic"] = "required with will_message"
        found = {name: fault for name, fault in faults.items() if fault}
        if found:
            raise Invalid(found)


class SubscriptionSettings(PrefetchSettings, ChannelLogin, BrokerSettings):
    """Subscription."""

    topic: Annotated[
        str,
        setting(
            "Topics to subscribe to: + stands for one level, # for all that follow",
            min_length=1,
            example="orders/+",
        ),
    ]
    share: Annotated[
        str,
        setting(
            "Group that shares the subscription, each message going to one of its members; empty "
            "for a subscription of its own",
            max_length=200,
        ),
    ] = ""
    qos: Annotated[
        QoS, setting("Highest quality of service of messages; with 0 they may be lost")
    ] = 1
    clean_start: Annotated[
        bool,
        setting(
            "Begin each connection without a session: what is published while nobody is connected "
            "is lost"
        ),
    ] = False
    session_expiry: Annotated[
        int,
        setting(
            "Seconds for which the broker keeps messages while nobody is connected (MQTT 5; with "
            "3.1.1 the broker decides)",
            ge=1,
            le=0xFFFFFFFF,
        ),
    ] = 7 * 86400
    retained: Annotated[
        Literal["new", "always", "never"],
        setting(
            "When to receive the retained messages of the topics: once for a new session, at each "
            "connection, or never (MQTT 5)",
            advanced=True,
        ),
    ] = "new"
    dead_letter_topic: Annotated[
        str,
        setting("Topic for messages that are given up; empty if they are only written to the log"),
    ] = ""
    dead_letter_retain: Annotated[
        bool,
        setting(
            "Have the broker keep the last dead letter for who subscribes later", advanced=True
        ),
    ] = False

    @property
    def filter(self) -> str:
        """What is subscribed to, with the group."""
        return f"$share/{self.share}/{self.topic}" if self.share else self.topic

    def check(self) -> None:
        """Refuse what is no filter, and what MQTT 3.1.1 does not have; raises `Invalid`."""
        super().check()
        dead = self.dead_letter_topic
        faults = {
            "topic": filter_fault(self.topic),
            "share": share_fault(self.share),
            "dead_letter_topic": topic_fault(dead) if dead else "",
        }
        if self.retained == "never" and self.version != "5":
            faults["retained"] = "never needs version 5"
        found = {name: fault for name, fault in faults.items() if fault}
        if found:
            raise Invalid(found)


class PublishingSettings(OutgoingLogin, BrokerSettings):
    """Publishing."""

    topic: Annotated[str, setting("Topic of messages that name none")] = ""
    qos: Annotated[
        QoS, setting("Quality of service of messages that name none; 0 is not confirmed")
    ] = 1
    retain: Annotated[
        bool, setting("Have the broker keep the last message for who subscribes later")
    ] = False

    def check(self) -> None:
        """Refuse what is no topic; raises `Invalid`."""
        super().check()
        fault = topic_fault(self.topic) if self.topic else ""
        if fault:
            raise Invalid({"topic": fault})
