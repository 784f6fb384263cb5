"""The kinds `topic` and `subscription`."""

from __future__ import annotations

from collections.abc import Iterable

from hansa import Definition

from .publishing import PubSub
from .settings import SubscriptionSettings, TopicSettings


class Topic(Definition[TopicSettings]):
    """What services and callers publish messages to: `self.pubsub.publish("orders.new", {...})`."""

    kind = "topic"
    type = "topic"

    @classmethod
    def claims(cls, config: TopicSettings) -> Iterable[str]:
        """Return its topic, which is defined once."""
        return [f"the topic {config.topic}"]

    def start(self) -> None:
        """Have it count in this worker."""
        self.server.resource(PubSub).table.put_topic(self, self.config)

    def withdrawn(self) -> None:
        """Have it count no more, unless another definition took its place."""
        self.server.resource(PubSub).table.drop_topic(self, self.config.topic)

    def ping(self) -> str:
        """Return how many messages it holds."""
        return f"{self.server.resource(PubSub).depth(self.config.topic)} messages"


class Subscription(Definition[SubscriptionSettings]):
    """Keeps messages of a topic, or of several, until they are acknowledged.

    Services and callers pull them, or they are pushed to a service or an outgoing connection.
    """

    kind = "subscription"
    type = "subscription"

    def start(self) -> None:
        """Have it count in this worker."""
        pubsub = self.server.resource(PubSub)
        pubsub.table.put_subscription(self, self.name, self.config)
        pubsub.table.changed.set()

    def withdrawn(self) -> None:
        """Have it count no more, unless another definition took its place."""
        self.server.resource(PubSub).table.drop_subscription(self, self.name)

    def ping(self) -> str:
        """Return how many messages it has."""
        return f"{self.server.resource(PubSub).waiting(self.name)} messages"
