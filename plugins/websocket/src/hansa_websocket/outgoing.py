"""The type `outgoing websocket`: sends messages to a WebSocket server, and may wait for answers."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

from hansa import Invalid, Outgoing, TimedOut, Unavailable

from .connecting import Connecting, closed
from .questions import Message, Question, Questions
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
        self._questions = Questions(self._send_now)
        self.connect()
        self.loop.spawn(self._read(), "reader")

    def stop(self) -> None:
        """Disconnect."""
        self._stopping = True
        self.disconnect()

    def send(self, message: Message, timeout: float = 0) -> None:
        """Send a message; it is with the operating system when this returns.

        `timeout` is that of the settings if it is not given, in seconds. Raises `Invalid` for what
        is neither text nor bytes, `Unavailable` without a connection, and `TimedOut` if the server
        does not read.
        """
        _check(message)
        with self.observed():
            self._run(self._send(message), timeout)

    def ask(self, message: Message, timeout: float = 0) -> Message:
        """Send a message, and return the next one that comes: for servers that answer in order.

        Calls take turns. After `TimedOut` the connection is replaced, since the answer may still
        come and would be taken for the next one. Raises what `send` raises, too.
        """
        _check(message)
        seconds = timeout or self.config.timeout
        question = Question(message)
        with self.observed():
            self.loop.soon(self._questions.ask, question)
            if not question.wait(seconds):
                with contextlib.suppress(Unavailable):  # the loop has ended meanwhile
                    self.loop.soon(self._give_up, question)
                limit = f"within {seconds:g} s, the limit that the setting timeout sets"
                raise TimedOut(f"{self.loop.what}: no answer {limit}")
            return question.result()

    def _run(self, work: Coroutine[Any, Any, ResultT], timeout: float) -> ResultT:
        from websockets.exceptions import ConnectionClosed

        try:
            return self.loop.run(work, timeout or self.config.timeout)
        except ConnectionClosed as error:
            raise closed(error) from error

    # -- in the loop -------------------------------------------------------------------------------

    async def _send(self, message: Message) -> None:
        await self.connection.send(message)

    def _send_now(self, message: Message) -> None:
        """Send without waiting until the server reads, which its answer shows."""
        from websockets.asyncio.server import broadcast
        from websockets.protocol import State

        connection = self.connection
        if connection.state is not State.OPEN:
            raise closed(ConnectionError("it is being closed"))
        try:
            broadcast([connection], message, raise_exceptions=True)
        except ExceptionGroup as error:
            raise closed(error) from error

    def _give_up(self, question: Question) -> None:
        if self._questions.give_up(question):
            # the answer may still come, and would be taken for the next one
            fault = "the connection is replaced, since an answer did not come in time"
            self._questions.end(partial(Unavailable, fault))
            self.connection.transport.abort()

    async def _read(self) -> None:
        from websockets.exceptions import ConnectionClosed

        error: Exception = ConnectionError("normally")
        try:
            async for message in self.connection:
                self._questions.answer(message)
        except ConnectionClosed as lost:
            error = lost
        finally:
            self._questions.end(partial(closed, error))
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
