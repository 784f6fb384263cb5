"""What both clients have in common: how they connect to a WebSocket server."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from hansa import HansaError, Unavailable
from hansa_connect.event_loop import Asynchronous
from hansa_connect.remedies import advised, remedy_of
from hansa_connect.tls import context_of, definitions_of, resolved

from .settings import ConnectingSettings

if TYPE_CHECKING:
    from ssl import SSLContext

    from websockets.asyncio.client import ClientConnection

ConnectingT = TypeVar("ConnectingT", bound=ConnectingSettings)
_REMEDIES = {
    401: "check the security definition that signs the request",
    403: "check the security definition that signs the request",
    404: "check the setting url",
}
quiet = logging.getLogger("hansa.websocket")


class Connecting(Asynchronous[ConnectingT]):
    """Mixed into both clients: one connection, which core replaces when it is lost."""

    _connection: ClientConnection | None = None

    @classmethod
    def logins(cls, config: ConnectingT) -> Iterable[str]:
        """Return the security definitions that sign, and that supply certificates."""
        signing = [config.signed_by] if config.signed_by else []
        return [*signing, *definitions_of(config)]

    @property
    def connection(self) -> ClientConnection:
        """The connection; raises `Unavailable` without one."""
        if self._connection is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not started")
        return self._connection

    def connect(self) -> None:
        """Open the loop and the connection, and send what the settings say; raises what is wrong."""
        config = resolved(self.config, self.server.objects)
        context = context_of(config) if config.encrypted else None
        headers: dict[str, str] = {}
        if config.signed_by:
            self.server.objects.security(config.signed_by).sign(headers)
        self.open_loop()
        self.loop.run(self._connect(context, headers), self.config.timeout)

    async def _connect(self, context: SSLContext | None, headers: dict[str, str]) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.typing import Subprotocol

        config = self.config
        options: dict[str, Any] = {"ssl": context} if context is not None else {}
        try:
            self._connection = await connect(
                config.url,
                additional_headers=headers,
                subprotocols=[Subprotocol(config.subprotocol)] if config.subprotocol else None,
                compression=None,
                proxy=None,
                open_timeout=None,  # the loop keeps the time
                close_timeout=config.timeout,
                ping_interval=config.ping_interval,
                ping_timeout=config.ping_timeout,
                max_size=config.max_body,
                logger=quiet,
                **options,
            )
            for message in config.subscribe:
                await self._connection.send(message)
        except HansaError:
            raise
        except InvalidStatus as error:
            status = error.response.status_code
            fault = f"the WebSocket server answers with status {status}"
            raise Unavailable(advised(fault, _REMEDIES.get(status, ""))) from error
        except (OSError, WebSocketException) as error:
            fault = f"cannot connect to the WebSocket server: {error}"
            found = remedy_of(error, tls=config.encrypted)
            remedy = found.replace("settings host and port", "setting url")
            raise Unavailable(advised(fault, remedy)) from error

    def disconnect(self) -> None:
        """Close the connection, and end the loop."""
        connection = self._connection
        self._connection = None
        if connection is not None:
            try:
                self.loop.run(connection.close(), self.config.timeout)
            except HansaError as error:
                self.log.info("the connection was not closed in good order: %s", error)
        self.close_loop()

    async def _ping(self) -> float:
        began = time.perf_counter()
        answered = await self.connection.ping()
        await answered
        return time.perf_counter() - began

    def ping(self) -> str:
        """Have the server answer a ping and return how long it took.

        Raises `Unavailable` or `TimedOut`.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            seconds = self.loop.run(self._ping(), self.config.timeout)
        except ConnectionClosed as error:
            raise closed(error) from error
        return f"answered in {seconds * 1000:.1f} ms"


def closed(error: Exception) -> Unavailable:
    """Return the error for a connection that the other side has closed, or that was lost."""
    return Unavailable(f"the WebSocket server has closed the connection: {error}")
