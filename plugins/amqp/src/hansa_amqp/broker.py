"""What the channel and the outgoing connection have in common: how they connect to the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hansa_connect.login import LoggedIn
from hansa_connect.pooled import Pooled

from .settings import BrokerSettings

if TYPE_CHECKING:
    from .connection import Connection

BrokerT = TypeVar("BrokerT", bound=BrokerSettings)


class BrokerConnections(LoggedIn[BrokerT], Pooled[BrokerT, "Connection"]):
    """Mixed into both types: makes connections to the broker of the definition.

    A token is sent as the password, as RabbitMQ has it for OAuth 2.0.
    """

    login_means = ("password", "token")

    def new_connection(self, heartbeat: int = 0) -> Connection:
        """Return a connection that is not open yet, with a heartbeat in seconds, 0 for none."""
        # a worker that does without AMQP saves the memory of pika
        from .connection import Connection

        return Connection(self.connection_config, f"hansa {self.kind} {self.name}", heartbeat)
