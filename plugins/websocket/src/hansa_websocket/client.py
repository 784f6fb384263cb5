"""A client of a channel, as services use it, and the rooms that clients are in."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import TypeAlias

from hansa import Invalid, TimedOut, TooMany, Unavailable, new_cid
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

Message: TypeAlias = str | bytes
TOO_SLOW = 1013
"""The close code of a client that does not read (registry of RFC 6455: try again later)."""
CUT = 1006
"""The close code of a connection that ended without one (RFC 6455, section 7.1.5)."""
ASK_MARGIN = 1.0
"""Seconds past its deadline after which a question is given up whose loop has ended."""
CLOSE_WAIT = 2.0
"""Seconds that a client gets to take a close frame, and what waits before it."""
AT_ONCE = 8192
"""Characters of an answer that the buffer of a connection takes in any case."""
MOST_ROOMS = 1000
"""Rooms that one client may be in."""


class Rooms:
    """Who is in which room of a channel; safe in many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[str, set[Client]] = {}

    def join(self, room: str, client: Client) -> None:
        """Add a client to a room; raises `TooMany` if it is in too many."""
        if not isinstance(room, str) or not room:
            raise Invalid("the name of a room is a text that is not empty")
        with self._lock:
            if len(client.rooms) >= MOST_ROOMS and room not in client.rooms:
                raise TooMany(f"a client may be in {MOST_ROOMS} rooms")
            client.rooms.add(room)
            self._members.setdefault(room, set()).add(client)

    def leave(self, room: str, client: Client) -> None:
        """Take a client out of a room; nothing happens if it is not in it."""
        with self._lock:
            client.rooms.discard(room)
            self._discard(room, client)

    def leave_all(self, client: Client) -> None:
        """Take a client out of all rooms."""
        with self._lock:
            for room in client.rooms:
                self._discard(room, client)
            client.rooms.clear()

    def members(self, room: str) -> list[Client]:
        """Return who is in a room."""
        with self._lock:
            return list(self._members.get(room, ()))

    def _discard(self, room: str, client: Client) -> None:
        members = self._members.get(room, set())
        members.discard(client)
        if not members:
            self._members.pop(room, None)


class Client:
    """One connection of a client: `self.request.extra["client"]`; safe in many threads.

    Messages to it wait here, up to `limit` bytes. One that does not read is closed, so that it holds
    up nobody, and costs no more than that.
    """

    def __init__(
        self,
        connection: ServerConnection,
        rooms: Rooms,
        limit: int,
        address: str = "",
        security: str = "",
    ) -> None:
        self.id = new_cid()
        self.address = address
        self.security = security
        """The security definition that it has satisfied when it connected; empty if none is needed."""
        self.connected_at = time.time()
        self.rooms: set[str] = set()
        self._rooms = rooms
        self._limit = limit
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: deque[bytes | str] = deque()
        self._size = 0
        self._closed = False
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._receiving = asyncio.Lock()
        self._asking = asyncio.Lock()
        self._is_read = False
        self._question: asyncio.Future[Message] | None = None

    # -- for services ------------------------------------------------------------------------------

    @property
    def close_code(self) -> int:
        """The code of the close, 1006 if the connection was cut, or is open (RFC 6455)."""
        return self._connection.close_code or CUT

    @property
    def close_reason(self) -> str:
        """The reason of the close, as whoever closed gave it."""
        return self._connection.close_reason or ""

    def send(self, message: Message) -> None:
        """Send text or bytes; returns at once.

        Raises `Unavailable` if the client is gone, or is closed since it does not read.
        """
        if not isinstance(message, str | bytes):
            raise Invalid(f"a message is text or bytes, not {type(message).__name__}")
        self._add(message)
        self._soon(self._notify)

    def _add(self, message: Message) -> None:
        size = _size(message)
        with self._lock:
            if self._closed:
                raise Unavailable(f"client {self.id} is gone")
            slow = bool(self._waiting) and self._size + size > self._limit
            if not slow:
                self._waiting.append(message)
                self._size += size
        if slow:
            self.close(TOO_SLOW, "reads too slowly")
            raise Unavailable(f"client {self.id} reads too slowly")

    def ask(self, message: Message, timeout: float = 5.0) -> Message:
        """Send text or bytes, and return the next message that comes: one that says nothing of what
        it answers. One that comes later than `timeout` seconds is for the service of the channel.

        Questions of several threads are asked one after the other. Raises `TimedOut`, and
        `Unavailable` if the client is gone.
        """
        if not isinstance(message, str | bytes):
            raise Invalid(f"a message is text or bytes, not {type(message).__name__}")
        work = self._ask_within(message, timeout)
        try:
            asked = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:  # the channel has ended
            work.close()
            raise Unavailable(f"client {self.id} is gone") from error
        try:
            # the loop keeps the time; this is for one that has ended meanwhile
            return asked.result(timeout + ASK_MARGIN)
        except TimeoutError:
            asked.cancel()
            raise TimedOut(f"client {self.id} did not answer within {timeout:g} s") from None
        except CancelledError as error:
            raise Unavailable(f"client {self.id} is gone") from error

    def join(self, room: str) -> None:
        """Enter a room of the channel, which need not exist."""
        self._rooms.join(room, self)

    def leave(self, room: str) -> None:
        """Leave a room."""
        self._rooms.leave(room, self)

    def broadcast(self, room: str, message: Message, *, to_myself: bool = True) -> int:
        """Send to all who are in a room, and return to how many; who is gone is left out."""
        count = 0
        for client in self._rooms.members(room):
            if client is self and not to_myself:
                continue
            try:
                client.send(message)
            except Unavailable:
                continue
            count += 1
        return count

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, by a close code of RFC 6455 and a reason of at most 123 bytes."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._waiting.clear()
        self._soon(self._begin_close, code, reason)

    def _soon(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError as error:  # the channel has ended
            raise Unavailable(f"client {self.id} is gone") from error

    # -- in the loop -------------------------------------------------------------------------------

    async def answer(self, message: Message) -> None:
        """Send what a service answers; raises as `send` does."""
        written = self._connection.transport.get_write_buffer_size() == 0
        if self._waiting or self._closed or not written or len(message) > AT_ONCE:
            self._add(message)
            self._notify()
            return
        # nothing waits before it, and none of it will
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise Unavailable(f"client {self.id} is gone") from error

    async def _ask_within(self, message: Message, timeout: float) -> Message:
        return await asyncio.wait_for(self._ask(message), timeout)

    async def _ask(self, message: Message) -> Message:
        async with self._asking:
            self._add(message)
            self._notify()
            try:
                if self._is_read:
                    self._question = asyncio.get_running_loop().create_future()
                    return await self._question
                # the service has the message before, perhaps the one that asks, and nobody receives
                async with self._receiving:
                    return await self._connection.recv()
            except ConnectionClosed as error:
                raise Unavailable(f"client {self.id} is gone") from error
            finally:
                self._question = None

    async def next(self) -> Message:
        """Return the next message that is no answer; raises `ConnectionClosed`."""
        self._is_read = True
        try:
            while True:
                async with self._receiving:
                    message = await self._connection.recv()
                question = self._question
                if question is None or question.done():
                    return message
                question.set_result(message)
        finally:
            self._is_read = False

    def _notify(self) -> None:
        self._empty.clear()
        self._wake.set()

    def _begin_close(self, code: int, reason: str) -> None:
        self._empty.set()
        self._rooms.leave_all(self)
        self._closing = asyncio.get_running_loop().create_task(self._end(code, reason))

    async def _end(self, code: int, reason: str) -> None:
        """Close; the connection of a client that does not read is cut."""
        try:
            async with asyncio.timeout(CLOSE_WAIT):
                await self._connection.close(code, reason)
        except TimeoutError:
            self._connection.transport.abort()

    async def write(self) -> None:
        """Send what waits, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (message := self._first()) is not None:
                await self._connection.send(message)
                self._sent(message)
            self._empty.set()

    def _first(self) -> Message | None:
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def _sent(self, message: Message) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft()
            self._size -= _size(message)

    async def finish(self, code: int, reason: str) -> None:
        """Send what waits, and close."""
        while self._first() is not None:
            # a message may wait of which nobody has told the writer yet
            self._notify()
            await self._empty.wait()
        with self._lock:
            self._closed = True
        await self._connection.close(code, reason)

    def cut(self) -> None:
        """End the connection without a close."""
        self._connection.transport.abort()

    def forget(self) -> None:
        """Note that the connection has ended."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
        self._empty.set()
        self._rooms.leave_all(self)
        if self._question is not None and not self._question.done():
            self._question.set_exception(Unavailable(f"client {self.id} is gone"))


def _size(message: Message) -> int:
    return len(message) if isinstance(message, bytes) else len(message.encode(errors="replace"))
