"""What the channel and the outgoing connection have in common: how they connect to the broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from hansa import Unavailable
from hansa_connect.login import LoggedIn

from .settings import BrokerSettings

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

    from .connection import Connection

BrokerT = TypeVar("BrokerT", bound=BrokerSettings)


class BrokerConnection(LoggedIn[BrokerT]):
    """Mixed into both types: has one connection to the broker of the definition.

    A token is sent as the password.
    """

    login_means = ("password", "token", "certificate")
    _connection: Connection | None = None

    @property
    def what(self) -> str:
        """What errors call this definition: `outgoing mqtt 'sensors'`."""
        return f"{self.kind} {self.type} {self.name!r}"

    @property
    def connection(self) -> Connection:
        """The connection; raises `Unavailable` before it is opened."""
        if self._connection is None:
            raise Unavailable(f"{self.what} is not started")
        return self._connection

    def open_connection(
        self,
        client_id: str,
        *,
        clean: bool = True,
        expiry: int = 0,
        at_most: int = 0,
        on_message: Callable[[MQTTMessage], None] | None = None,
    ) -> Connection:
        """Open the connection; the arguments are those of a `Session`."""
        # a worker that does without MQTT saves the memory of paho-mqtt
        from .connection import Connection, Session

        session = Session(client_id, clean, expiry, at_most)
        self._connection = Connection(self.connection_config, session, self.lost, on_message)
        self._connection.open()
        return self._connection

    def close_connection(self) -> None:
        """Close the connection; may be called more than once, and if none was opened."""
        if self._connection is not None:
            self._connection.close()
