"""What all three types have in common: how they connect to the broker."""

from __future__ import annotations

from typing import TypeVar

from hansa_connect.login import LoggedIn
from hansa_connect.pooled import Pooled

from .connection import Connection
from .settings import BrokerSettings

BrokerT = TypeVar("BrokerT", bound=BrokerSettings)


class BrokerConnections(LoggedIn[BrokerT], Pooled[BrokerT, Connection]):
    """Mixed into the types: makes connections to the broker of the definition."""

    login_means = ("password", "token", "certificate")

    def new_connection(self) -> Connection:
        """Return a connection that is not open yet."""
        return Connection(self.connection_config)
