"""The channel jms_topic: subscribes to a topic, once in the cluster, durably unless told otherwise."""

from __future__ import annotations

from functools import partial

from hansa import Guarantee
from hansa_connect.attempts import message_digest
from hansa_connect.delivery import Delivery
from hansa_connect.handling import Task

from .receiving import ReceivingChannel
from .settings import TopicSettings


class JmsTopicChannel(ReceivingChannel[TopicSettings]):
    """Subscribes to a topic of a JMS broker such as ActiveMQ, over STOMP or AMQP 1.0.

    Copies would reach all subscribers, so a message that fails is kept in hand, and tried again
    here. A broker does not say of messages of a durable subscription that it delivers them again:
    that a message begins is counted, so that one that ends its worker is found.
    """

    type = "jms_topic"
    placement = "cluster"
    exclusive = True  # a client id is that of one connection

    @classmethod
    def delivery_of(cls, config: TopicSettings) -> Guarantee:
        """Return what a durable subscription promises, or one that is not durable."""
        return "at_least_once" if config.durable else "at_most_once"

    def source(self) -> str:
        """Return the destination of the topic."""
        return f"/topic/{self.config.topic}"

    def dead_letters(self) -> str:
        """Return the destination of dead letters, which is a queue."""
        return f"/queue/{self.config.dead_letters}"

    def client_id(self) -> str:
        """Return the client id of a durable subscription; empty for one that is not."""
        if not self.config.durable:
            return ""
        return self.config.client_id or f"hansa.{self.name}"

    def subscription(self) -> str:
        """Return the name of a durable subscription; empty for one that is not."""
        return (self.config.subscription or self.name) if self.config.durable else ""

    def delivers_again(self, delivery: Delivery) -> bool:
        """Return whether the subscription is durable."""
        return self.config.durable

    def take(self, delivery: Delivery) -> None:
        """Have a message handled; called by the reader, in the order of delivery."""
        if not self.config.durable:
            super().take(delivery)
            return
        self._acknowledgements.taken(delivery)
        self._fresh.put(Task(delivery, partial(self._look_up, delivery)))

    def _look_up(self, delivery: Delivery) -> None:
        """Find out whether a message began before, and handle it; a suspect waits for its turn."""
        if self._attempts.count(_mark(delivery)) > 1:
            delivery.redelivered = True
            delivery.extra["redelivered"] = True
            self._suspect.put(Task(delivery, partial(self._handle, delivery)))
        else:
            self._handle(delivery)

    def _finished(self, delivery: Delivery) -> None:
        super()._finished(delivery)
        if self.config.durable:
            self._attempts.forget(_mark(delivery))

    def _try_later(self, delivery: Delivery, error: BaseException | None, delay: float) -> None:
        self.log.info("%s: attempt %d failed: %s", delivery.cid, delivery.attempt, error)
        delivery.attempt += 1
        # it has come back: the worker lives
        delivery.redelivered = False
        task = Task(delivery, partial(self._handle, delivery))
        self._delayed.enter(delay, 0, self._fresh.put, (task,))
        self._delays_changed.set()


def _mark(delivery: Delivery) -> str:
    """Return the name of the count that says whether a message has begun at all."""
    return f"{message_digest(delivery.body, delivery.identity)} begun"
