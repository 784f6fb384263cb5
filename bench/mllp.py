"""HL7 over MLLP: messages that a channel acknowledges, and that an outgoing connection has acknowledged,
against the bare library hl7: `python -m bench.mllp`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import hl7
from hansa import load
from hansa_connect.event_loop import EventLoop
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.local.registry import definition_model
from hansa_hl7.channel import MllpChannel
from hansa_hl7.outgoing import MllpOutgoing
from hl7.client import MLLPClient
from hl7.mllp import start_hl7_server

from plugins.hl7.tests.servers import Hl7Receiver, message

from .clients import Clients, serve_clients
from .measure import Figure
from .messages import compared, repeated, started

CALLS = 200
"""Messages of each client in one run."""
CONTENT = b"x" * 60


def mllp(folder: Path) -> Iterator[Figure]:
    """HL7 messages acknowledged and sent, against the bare library hl7."""
    channel = made(MllpChannel, port=free_port(), service="x")
    channel.dispatch = Inbox()
    with Clients("mllp") as clients, started(channel), bare_server() as bare:
        for count in (1, 8):
            yield from compared(
                f"HL7: acknowledge messages of 200 bytes, {count} sender(s), who wait for each",
                "hl7",
                partial(clients.call, channel.config.port, count, CALLS // count),
                partial(clients.call, bare, count, CALLS // count),
            )
    with Hl7Receiver() as peer, started(made(MllpOutgoing, **peer.settings)) as outgoing:
        with MLLPClient("127.0.0.1", peer.port) as client:
            yield from compared(
                "HL7: send messages of 200 bytes, one after another",
                "hl7",
                lambda: repeated(lambda: outgoing.send(message(CONTENT)), CALLS),
                lambda: repeated(lambda: bare_send(client), CALLS),
            )


def made(cls: Any, **settings: Any) -> Any:
    """An object that is not started."""
    config = load(definition_model(cls), settings)
    return cls("bench", cls.prepare(config), LocalServer())


def bare_send(client: MLLPClient) -> None:
    """Send a message, and look whether it was accepted."""
    raw = message(CONTENT)
    answer = hl7.parse(client.send_message(raw)[1:-2].decode())
    if str(answer["MSA"][0][1]) != "AA" or str(answer["MSA"][0][2]).encode() not in raw:
        raise RuntimeError("the message was not accepted")


@contextmanager
def bare_server() -> Iterator[int]:
    """A bare server in a thread of this process, whose service is called in another; yields its port."""
    port, loop = free_port(), EventLoop("bench", print)
    loop.start()
    server = loop.run(start_hl7_server(bare_acknowledge, "127.0.0.1", port), 30)
    try:
        yield port
    finally:
        server.close()
        loop.stop()


async def bare_acknowledge(reader: Any, writer: Any) -> None:
    """Acknowledge each message once it was handled, which may block."""
    try:
        while True:
            block = await reader.readblock()
            acknowledgement = await asyncio.to_thread(handle, block)
            writer.writeblock(acknowledgement.encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def handle(block: bytes) -> str:
    """Be the service."""
    return str(hl7.parse(block.decode()).create_ack())


def connected(port: int) -> Callable[[], object]:
    """Connect, and return what sends a message and waits for its answer."""
    client = MLLPClient("127.0.0.1", port)
    raw = message(CONTENT)
    return lambda: client.send_message(raw)


if __name__ == "__main__":
    if sys.argv[1:] == ["client"]:
        serve_clients(connected)
    else:
        from .measure import table

        print(table(list(mllp(Path()))))
