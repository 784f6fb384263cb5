"""The channel jms: consumes a queue."""

from __future__ import annotations

from .receiving import ReceivingChannel
from .settings import QueueSettings


class JmsChannel(ReceivingChannel[QueueSettings]):
    """Consumes a queue of a JMS broker such as ActiveMQ, over STOMP or AMQP 1.0.

    A message is acknowledged once its service has handled it, or the broker has a copy of it: at
    the end of the queue for another attempt, or as a dead letter.
    """

    type = "jms"

    def source(self) -> str:
        """Return the destination of the queue."""
        return f"/queue/{self.config.queue}"

    def dead_letters(self) -> str:
        """Return the destination of dead letters."""
        return f"/queue/{self.config.dead_letters}"
