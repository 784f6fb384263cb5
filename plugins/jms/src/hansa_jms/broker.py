"""What all three types have in common: how they connect to the broker."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TypeVar

from hansa import Unavailable
from hansa_connect.login import LoggedIn
from hansa_connect.pooled import Pooled

from .settings import BrokerSettings
from .stomp.connection import StompConnection
from .stomp.subscriber import StompSubscriber
from .wire import Receiving, Sending

BrokerT = TypeVar("BrokerT", bound=BrokerSettings)


class BrokerConnections(LoggedIn[BrokerT], Pooled[BrokerT, Sending]):
    """Mixed into the types: makes connections to the broker of the definition."""

    login_means = ("password", "token", "certificate")

    def new_connection(self) -> Sending:
        """Return a connection that is not open yet."""
        if self.config.protocol == "amqp":
            check_proton()
            with self.importing:
                from .amqp.connection import AmqpConnection

            return AmqpConnection(self.connection_config)
        return StompConnection(self.connection_config)

    def new_subscriber(self, client_id: str, heartbeat: float) -> Receiving:
        """Return a connection that is not open yet, to receive."""
        if self.config.protocol == "amqp":
            check_proton()
            with self.importing:
                from .amqp.subscriber import AmqpSubscriber

            return AmqpSubscriber(self.connection_config, client_id, heartbeat)
        return StompSubscriber(self.connection_config, client_id, heartbeat)


def check_proton() -> None:
    """Raise `Unavailable` unless the library for AMQP is installed."""
    if find_spec("proton") is None:
        raise Unavailable(
            "protocol is amqp, and python-qpid-proton is not installed: pip install 'hansa-jms[amqp]'"
        )
