"""A client of a channel: what waits for it when the channel ends."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from hansa_websocket.client import Client, Rooms


class Connection:
    """A connection that takes all messages."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closed = 0

    async def send(self, message: Any) -> None:
        await asyncio.sleep(0)
        self.sent.append(message)

    async def close(self, code: int, reason: str) -> None:
        self.closed = code


def test_what_is_sent_while_the_channel_ends_is_sent_before_the_close():
    connection: Any = Connection()

    async def end() -> None:
        client = Client(connection, Rooms(), 1000)
        writing = asyncio.create_task(client.write())
        client.send("first")
        while not connection.sent:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        client.send("last")  # nothing has woken the writer yet
        await client.finish(1001, "the channel ends")
        writing.cancel()

    thread = threading.Thread(target=asyncio.run, args=(end(),), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "the loop is held up"
    assert connection.sent == ["first", "last"]
    assert connection.closed == 1001


def test_a_client_that_goes_while_the_channel_ends_holds_nobody_up():
    connection: Any = Connection()

    async def end() -> bool:
        client = Client(connection, Rooms(), 1000)
        client.send("nobody takes this")
        ending = asyncio.create_task(client.finish(1001, "the channel ends"))
        await asyncio.sleep(0)
        client.forget()
        done, _ = await asyncio.wait([ending], timeout=10)
        return bool(done)

    assert asyncio.run(end())
