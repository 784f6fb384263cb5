"""The settings of topics and of subscriptions."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, Model, setting

LONGEST_NAME = 200
"""Characters of the name of a topic."""
TOPIC = rf"^[^\x00-\x20\x7f*]{{1,{LONGEST_NAME}}}(?![\s\S])"
"""The name of a topic: no spaces, no control characters, and no `*`."""
PATTERN = rf"^[^\x00-\x20\x7f]{{1,{LONGEST_NAME}}}(?![\s\S])"
"""The name of a topic, or a pattern of names."""
MOST_WILDCARDS = 4
"""Wildcards that a pattern may have."""
LONGEST_EXPIRY = 366 * 24 * 3600.0
DAY = 24 * 3600.0

Target = Literal["pull", "service", "http"]


class TopicSettings(Model):
    """Topic.

    What messages are published to, and which may be.
    """

    topic: Annotated[
        str, setting("Name by which messages are published", example="orders.new", pattern=TOPIC)
    ]
    max_depth: Annotated[
        int,
        setting(
            "Maximum number of messages that some subscription has not acknowledged yet; more are "
            "refused with 429",
            ge=1,
            le=1_000_000,
        ),
    ] = 10_000
    max_message: Annotated[
        int,
        setting(
            "Maximum size of one message in bytes, as JSON with all that is known of it",
            ge=100,
            le=64 * 1024 * 1024,
        ),
    ] = 1_000_000
    max_size: Annotated[
        int,
        setting(
            "Maximum size in MiB of all messages that some subscription has not acknowledged yet",
            ge=1,
            le=16 * 1024,
        ),
    ] = 100
    expiry: Annotated[
        float,
        setting(
            "Seconds after which a message expires at the latest, delivered or not",
            ge=1,
            le=LONGEST_EXPIRY,
        ),
    ] = 7 * DAY
    publishers: Annotated[
        list[str],
        setting(
            "Security definitions whose callers may publish over HTTP; services may in any case",
            refers="security",
            max_length=1000,
        ),
    ] = []
    subscribers: Annotated[
        list[str],
        setting(
            "Security definitions whose callers may subscribe over HTTP; services may in any case",
            refers="security",
            max_length=1000,
        ),
    ] = []
    before_publish: Annotated[
        str,
        setting(
            "Service that sees each message before it is published, and may change it or keep it "
            "back",
            refers="service",
        ),
    ] = ""
    before_delivery: Annotated[
        str,
        setting(
            "Service that sees each message before it is pushed to a subscription, and may change "
            "it or have it left out",
            refers="service",
        ),
    ] = ""

    def check(self) -> None:
        """Refuse a topic that cannot hold one message of the largest size; raises `Invalid`."""
        if self.max_message > self.max_bytes:
            raise Invalid({"max_message": "must fit into max_size"})

    @property
    def max_bytes(self) -> int:
        """`max_size` in bytes."""
        return self.max_size * 1024 * 1024


class SubscriptionSettings(Model):
    """Subscription.

    Whose messages of which topics are kept until they are acknowledged.
    """

    topic: Annotated[
        str,
        setting(
            "Name of the topic, or a pattern: * is any text without dots and slashes, ** any text",
            example="orders.*",
            pattern=PATTERN,
        ),
    ]
    deliver_to: Annotated[
        Target,
        setting(
            "Where messages go: `pull`: they wait until they are asked for; `service` and `http`: "
            "they are pushed"
        ),
    ] = "pull"
    service: Annotated[str, setting("Service that messages are pushed to", refers="service")] = ""
    outgoing: Annotated[
        str,
        setting("Outgoing connection http that messages are pushed to", refers="outgoing http"),
    ] = ""
    method: Annotated[Literal["POST", "PUT"], setting("HTTP method of what is pushed")] = "POST"
    security: Annotated[
        str,
        setting(
            "Security definition whose callers may pull over HTTP; without it, only services may",
            refers="security",
        ),
    ] = ""
    parallel: Annotated[
        int,
        setting(
            "Messages that are pushed at the same time in the whole cluster; with 1, one begins "
            "when the one before is done with, so that they keep their order",
            ge=1,
            le=64,
        ),
    ] = 1
    max_attempts: Annotated[
        int,
        setting("Maximum attempts before a message is put with the failed messages", ge=1, le=1000),
    ] = 5
    first_delay: Annotated[
        float, setting("Seconds before the second attempt; the pause doubles each time", gt=0)
    ] = 1.0
    last_delay: Annotated[float, setting("Maximum pause between attempts, in seconds", gt=0)] = 60.0
    ack_timeout: Annotated[
        float,
        setting(
            "Seconds after which a message that was pulled and not acknowledged is given out again",
            ge=1,
            le=DAY,
        ),
    ] = 60.0
    paused: Annotated[
        bool,
        setting("Whether messages are only collected, and neither pushed nor given out"),
    ] = False

    def check(self) -> None:
        """Refuse what does not fit together; raises `Invalid` with all faults."""
        faults: dict[str, str] = {}
        if self.topic.count("*") - self.topic.count("**") > MOST_WILDCARDS:
            faults["topic"] = f"has more than {MOST_WILDCARDS} wildcards"
        if "***" in self.topic:
            faults["topic"] = "has three * in a row"
        for target, name in (("service", "service"), ("http", "outgoing")):
            given = bool(getattr(self, name))
            if given != (self.deliver_to == target):
                faults[name] = f"is given if, and only if, deliver_to is {target}"
        if self.last_delay < self.first_delay:
            faults["last_delay"] = "must not be less than first_delay"
        if faults:
            raise Invalid(faults)

    @property
    def is_pushed(self) -> bool:
        """Whether its messages are pushed."""
        return self.deliver_to != "pull"
