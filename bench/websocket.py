"""WebSocket: messages that a channel answers, and that an outgoing connection has answered, against bare
websockets: `python -m bench.websocket`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from hansa import Request, Response
from hansa_connect.event_loop import EventLoop
from hansa_devkit.harness.ports import free_port
from hansa_devkit.inbox import answer
from hansa_websocket.outgoing import WebSocketOutgoing
from websockets.asyncio.client import connect as connect_in_loop
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection as BlockingConnection, serve as serve_blocking

from plugins.websocket.tests.support import channel, made

from .beside import beside, ready
from .clients import BODY, Clients, serve_clients
from .measure import Figure
from .messages import compared, repeated, started

CALLS = 400
"""Messages of each client in one run."""


def websocket(folder: Path) -> Iterator[Figure]:
    """WebSocket messages answered, against bare websockets."""
    with Clients("websocket") as clients, channel(echo) as one, bare_server() as bare:
        for count in (1, 10):
            calls = CALLS // (1 if count == 1 else 4)
            yield from compared(
                f"WebSocket: answer messages of 200 bytes in threads, {count} client(s), who wait for each",
                "websockets",
                partial(clients.call, one.config.port, count, calls),
                partial(clients.call, bare, count, calls),
            )
    with beside("websocket") as port:
        url = f"ws://127.0.0.1:{port}/"
        with started(made(WebSocketOutgoing, url=url)) as outgoing:
            with asking_in_loop(url) as ask:
                yield from compared(
                    "WebSocket: ask with 200 bytes, one after another, with a deadline for the whole call",
                    "websockets.asyncio, called from a thread",
                    lambda: repeated(lambda: outgoing.ask(BODY), CALLS),
                    lambda: repeated(ask, CALLS),
                )
            # no deadline for sending, which the blocking client does not have, and for one thread only
            with connect(url, proxy=None, compression=None) as client:

                def ask_blocking() -> object:
                    client.send(BODY)
                    return client.recv(timeout=10)

                yield from compared(
                    "WebSocket: ask with 200 bytes, one after another",
                    "websockets.sync",
                    lambda: repeated(lambda: outgoing.ask(BODY), CALLS),
                    lambda: repeated(ask_blocking, CALLS),
                    bound=None,
                )


@contextmanager
def asking_in_loop(url: str) -> Iterator[Callable[[], object]]:
    """A bare client that services, which run in threads, may call, and whose deadline holds for all."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def start() -> Any:
        return await connect_in_loop(url, proxy=None, compression=None), asyncio.Lock()

    client, turns = run(start())

    async def ask() -> object:
        async with asyncio.timeout(10), turns:
            await client.send(BODY)
            return await client.recv()

    try:
        yield lambda: run(ask())
    finally:
        run(client.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def echo(request: Request) -> Response:
    """Answer with what came."""
    found = answer(request, "done")
    found.raw = request.raw
    return found


async def bare_echo(connection: ServerConnection) -> None:
    """The same without Hansa, in a thread, since a service may block."""
    async for message in connection:
        await connection.send(await asyncio.to_thread(handle, message))


def handle(message: str | bytes) -> str | bytes:
    """Be the service."""
    return message


@contextmanager
def bare_server() -> Iterator[int]:
    """A bare server in a thread of this process; yields its port."""
    port, loop = free_port(), EventLoop("bench", print)
    loop.start()

    async def run() -> Server:
        return await serve(bare_echo, "127.0.0.1", port, compression=None)

    server = loop.run(run(), 30)
    try:
        yield port
    finally:
        server.close()
        loop.stop()


def connected(port: int) -> Callable[[], object]:
    """Connect, and return what sends a message and waits for its answer."""
    url = f"ws://127.0.0.1:{port}/"
    client = ClientConnection.__enter__(connect(url, proxy=None, compression=None))

    def call() -> object:
        client.send(BODY)
        return client.recv()

    return call


def serve_alone(port: int) -> None:
    """Be a bare server, in threads."""

    def answer_all(connection: BlockingConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve_blocking(answer_all, "127.0.0.1", port, compression=None) as server:
        ready()
        server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:] == ["client"]:
        serve_clients(connected)
    elif len(sys.argv) > 1:
        serve_alone(int(sys.argv[2]))
    else:
        from .measure import table

        print(table(list(websocket(Path()))))
