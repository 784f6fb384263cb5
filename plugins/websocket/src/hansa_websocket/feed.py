"""The type `channel websocket-client`: connects to a server, and passes its messages to a service."""

from __future__ import annotations

import asyncio
import contextlib

from hansa import Channel, HansaError, Request
from hansa_connect.threads import Threads

from .connecting import Connecting, closed
from .settings import FeedSettings


class WebSocketFeed(Connecting[FeedSettings], Channel[FeedSettings]):
    """Connects to a WebSocket server, subscribes, and passes each of its messages to a service.

    One worker of the cluster connects. A connection that is lost is made anew, and what the
    settings say is sent again.
    """

    type = "websocket-client"
    placement = "cluster"
    exclusive = True  # two connections would each receive every message

    _threads: Threads | None = None

    def start(self) -> None:
        """Connect and begin to read; raises what is wrong."""
        self._stopping = False
        self._threads = Threads(self.config.pool, f"websocket-client {self.name}")
        self.connect()
        self.loop.spawn(self._read(), "reader")

    def stop(self) -> None:
        """Finish what was begun, and disconnect."""
        self._stopping = True
        if self._threads is not None:
            self._threads.end()
            self._threads = None
        self.disconnect()

    async def _read(self) -> None:
        from websockets.exceptions import ConnectionClosed

        room = asyncio.Semaphore(self.config.pool)
        tasks: set[asyncio.Task[None]] = set()
        try:
            async for message in self.connection:
                await room.acquire()
                task = asyncio.create_task(self._handle(message, room))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            error: Exception = ConnectionError("normally")
        except ConnectionClosed as lost:
            error = lost
        if not self._stopping:
            raise closed(error)

    async def _handle(self, message: str | bytes, room: asyncio.Semaphore) -> None:
        from websockets.exceptions import ConnectionClosed

        is_text = isinstance(message, str)
        raw = message.encode() if isinstance(message, str) else message
        threads = self._threads
        try:
            if self._stopping or threads is None:
                return
            request = Request(raw, extra={"text": is_text})
            response = await threads.call(self.dispatch, request)
            if self.config.respond and response.raw:
                with contextlib.suppress(ConnectionClosed, HansaError):  # the reader tells
                    answer = response.raw
                    await self.connection.send(answer, text=is_text)
        finally:
            room.release()
