"""The settings of Kafka connections."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from hansa import Invalid, setting
from hansa_connect.handling import ConsumerSettings
from hansa_connect.login import ChannelLogin, LoginSettings, OutgoingLogin
from hansa_connect.tls import TlsSettings

KAFKA_PORT = 9092
KAFKA_TLS_PORT = 9093
TOPIC = r"^[A-Za-z0-9._-]{1,249}$"
"""What a topic may be called; Kafka refuses other names."""
_POSITIONS = ("earliest", "latest")


class BrokerSettings(TlsSettings, LoginSettings):
    """Cluster.

    Where a cluster is, how to log in, and what to declare there.

    The port is 9092, or 9093 with TLS, if it is 0.
    """

    servers: Annotated[
        list[str],
        setting(
            "Further brokers to begin with if `host` is down, as HOST:PORT; all others of the "
            "cluster are learned from the first that answers",
            example=["kafka-2.example.com:9092"],
        ),
    ] = []
    mechanism: Annotated[
        Literal["scram-sha-512", "scram-sha-256", "plain"],
        setting("SASL mechanism by which a user name and a password log in"),
    ] = "scram-sha-512"
    timeout: Annotated[float, setting("Time limit of a call in seconds", gt=0, le=86400)] = 30.0
    connect_timeout: Annotated[
        float, setting("Time limit in seconds for connecting and logging in", gt=0, le=3600)
    ] = 5.0
    declare: Annotated[
        bool, setting("Create topics that do not exist, that of dead letters included")
    ] = False
    partitions: Annotated[
        int,
        setting(
            "Partitions of a topic that is created; 0 for the broker's default", ge=0, le=10000
        ),
    ] = 0
    replication: Annotated[
        int,
        setting("Replicas of a topic that is created; 0 for the broker's default", ge=0, le=100),
    ] = 0

    def check(self) -> None:
        """Refuse addresses that are none; raises `Invalid`."""
        super().check()
        faults = {}
        for number, server in enumerate(self.servers):
            host, colon, port = server.rpartition(":")
            if not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
                faults[f"servers[{number}]"] = "must be HOST:PORT"
        if faults:
            raise Invalid(faults)

    @property
    def bootstrap(self) -> str:
        """The brokers to begin with, separated by commas."""
        port = self.port or (KAFKA_TLS_PORT if self.tls else KAFKA_PORT)
        return ",".join([f"{self.host}:{port}", *self.servers])


class ConsumptionSettings(ConsumerSettings, ChannelLogin, BrokerSettings):
    """Consumption."""

    topics: Annotated[list[str], setting("Topics to consume", example=["orders"])]
    group: Annotated[
        str,
        setting(
            "Consumer group; its members share the partitions, and it has the offsets",
            min_length=1,
            max_length=255,
        ),
    ]
    batch: Annotated[
        int,
        setting(
            "Messages of one partition that a call of the service gets at most, as a list; 0 for "
            "one message that is no list",
            ge=0,
            le=10000,
        ),
    ] = 0
    prefetch: Annotated[
        int,
        setting("Messages of one partition that a worker keeps ready", ge=1, le=100_000),
    ] = 500
    start_at: Annotated[
        str,
        setting(
            "Where a group begins that has no offset for a partition: earliest, latest, or a time "
            "(ISO 8601, with its offset from UTC)"
        ),
    ] = "earliest"
    seek: Annotated[
        str,
        setting(
            "Where to go on in all partitions, once for each value of this setting: earliest, "
            "latest, or a time, such as 2026-11-30T08:00:00+00:00; empty to go on at the offsets "
            "of the group"
        ),
    ] = ""
    dead_letter_topic: Annotated[
        str, setting("Topic of dead letters; empty for TOPIC.dead-letter", pattern=f"^$|{TOPIC}")
    ] = ""
    assignment: Annotated[
        Literal["cooperative-sticky", "range", "roundrobin"],
        setting(
            "How partitions are shared; the same for all members of a group. cooperative-sticky "
            "leaves a member the partitions that it keeps",
            advanced=True,
        ),
    ] = "cooperative-sticky"
    session_timeout: Annotated[
        float,
        setting(
            "Seconds of silence after which a worker loses its partitions to others",
            ge=1,
            le=1800,
            advanced=True,
        ),
    ] = 10.0
    revoke_wait: Annotated[
        float,
        setting(
            "Seconds that messages in progress get when their partition goes to another member; "
            "what takes longer is delivered there again",
            ge=0,
            le=240,
            advanced=True,
        ),
    ] = 30.0

    def check(self) -> None:
        """Refuse topics and positions that are none; raises `Invalid`."""
        super().check()
        faults = {}
        if not self.topics:
            faults["topics"] = "at least one is required"
        for number, topic in enumerate(self.topics):
            if fault := topic_fault(topic):
                faults[f"topics[{number}]"] = fault
            elif self.dead_letters_of(topic) in self.topics:
                faults["dead_letter_topic"] = "must not be one of the topics that are consumed"
        for name, value in (("start_at", self.start_at), ("seek", self.seek)):
            if value not in _POSITIONS and (value or name == "start_at") and not moment(value):
                faults[name] = "must be earliest, latest, or a time with its offset from UTC"
        if faults:
            raise Invalid(faults)

    def dead_letters_of(self, topic: str) -> str:
        """Return the topic of the dead letters of a topic."""
        return self.dead_letter_topic or f"{topic}.dead-letter"


class PublishingSettings(OutgoingLogin, BrokerSettings):
    """Publishing."""

    topic: Annotated[str, setting("Topic of messages that name none", pattern=f"^$|{TOPIC}")] = ""
    compression: Annotated[
        Literal["none", "gzip", "snappy", "lz4", "zstd"],
        setting("How messages are compressed on the way and in the topic"),
    ] = "none"
    linger: Annotated[
        float,
        setting("Seconds that a message may wait for others to be sent with it", ge=0, le=60),
    ] = 0.0
    max_body: Annotated[
        int,
        setting(
            "Maximum size of a message in bytes; brokers take 1,048,588 by default, with key and "
            "headers",
            ge=1,
            le=1_000_000_000,
        ),
    ] = 1_000_000


def topic_fault(topic: str) -> str:
    """Return what is wrong with the name of a topic."""
    if topic in (".", "..") or not re.fullmatch(TOPIC, topic):
        return "must be 1 to 249 letters, digits, dots, hyphens or underscores of ASCII"
    return ""


def moment(text: str) -> datetime | None:
    """Return a time with its offset from UTC; None if the text is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
