"""The type `outgoing websocket`: sends messages to a WebSocket server, and may wait for answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hansa import Invalid, Outgoing

from .connecting import Connecting, closed
from .settings import SendingSettings

ResultT = TypeVar("ResultT")


class WebSocketOutgoing(Connecting[SendingSettings], Outgoing[SendingSettings]):
    """Sends messages to a WebSocket server: `self.outgoing.websocket["name"].send("text")`.

    Safe in many threads. What the server sends and nobody has asked for is dropped: a
    `channel websocket-client` receives it.
    """

    type = "websocket"

    _stopping = False

    def start(self) -> None:
        """Connect; raises what is wrong."""
        self._answer: asyncio.Future[str | bytes] | None = None
        self._turns = asyncio.Lock()
        self.connect()
        self.loop.spawn(self._read(), "reader")

    def stop(self) -> None:
        """Disconnect."""
        self._stopping = True
        self.disconnect()

    def send(self, message: str | bytes, timeout: float = 0) -> None:
        """Send a message; it is with the operating system when this returns.

        `timeout` is that of the settings if it is not given, in seconds. Raises `Invalid` for what
        is neither text nor bytes, `Unavailable` without a connection, and `TimedOut` if the server
        does not read.
        """
        _check(message)
        with self.observed():
            self._run(self._send(message), timeout)

    def ask(self, message: str | bytes, timeout: float = 0) -> str | bytes:
        """Send a message, and return the next one that comes: for servers that answer in order.

        Calls take turns. After `TimedOut` the connection is replaced, since the answer may still
        come and would be taken for the next one. Raises what `send` raises, too.
        """
        _check(message)
        with self.observed():
            return self._run(self._ask(message), timeout)

    def _run(self, work: Coroutine[Any, Any, ResultT], timeout: float) -> ResultT:
        from websockets.exceptions import ConnectionClosed

        try:
            return self.loop.run(work, timeout or self.config.timeout)
        except ConnectionClosed as error:
            raise closed(error) from error

    # -- in the loop -------------------------------------------------------------------------------

    async def _send(self, message: str | bytes) -> None:
        await self.connection.send(message)

    async def _ask(self, message: str | bytes) -> str | bytes:
        async with self._turns:
            answer = asyncio.get_running_loop().create_future()
            self._answer = answer
            try:
                await self.connection.send(message)
                found: str | bytes = await answer
                return found
            except asyncio.CancelledError:
                self.connection.transport.abort()
                raise
            finally:
                self._answer = None

    async def _read(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            async for message in self.connection:
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(message)
            error: Exception = ConnectionError("normally")
        except ConnectionClosed as lost:
            error = lost
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(closed(error))
        if not self._stopping:
            raise closed(error)


def _check(message: object) -> None:
    if not isinstance(message, str | bytes):
        raise Invalid(f"a message is text or bytes, not {type(message).__name__}")
    if isinstance(message, str):
        try:
            message.encode()
        except UnicodeEncodeError as error:
            raise Invalid("the message has characters that UTF-8 does not have") from error
