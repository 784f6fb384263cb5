"""NATS: messages of a stream consumed and stored, against bare nats-py on the same server."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hansa_nats.channel import NatsChannel
from hansa_nats.outgoing import NatsOutgoing

from plugins.nats.tests.nats_server import NatsServer
from plugins.nats.tests.support import made

from .measure import Figure
from .messages import BODY, Counting, Taken, compared, repeated, started, taken

COUNT = 500
"""Messages that are consumed in one run."""
STORED = 200
"""Messages that are stored in one run, each once the one before is acknowledged."""


def nats(folder: Path) -> Iterator[Figure]:
    """Messages of JetStream consumed and stored, against bare nats-py."""
    with NatsServer() as server:
        yield from compared(
            "NATS: consume 500 messages of 200 bytes of a stream",
            "nats-py",
            partial(consume, server),
            partial(bare_consume, server),
            pairs=9,
        )
        subject = f"{server.stream()}.a"
        with started(made(NatsOutgoing, server, subject=subject)) as outgoing:
            yield from compared(
                "NATS: store 200 messages of 200 bytes, one after another",
                "nats-py",
                lambda: repeated(lambda: outgoing.store(BODY), STORED),
                lambda: bare_store(server, subject),
            )


def headers() -> dict[str, str]:
    """The headers that Hansa sends with a message, too: by which it is stored once, and a cid."""
    return {"Nats-Msg-Id": uuid.uuid4().hex, "x-hansa-cid": uuid.uuid4().hex}


def filled(server: NatsServer) -> str:
    """A new stream with all messages."""
    stream = server.stream()
    server.store(f"{stream}.a", *[BODY] * COUNT)
    return stream


def consume(server: NatsServer) -> Taken:
    """What a channel takes."""
    stream = filled(server)
    settings: Any = {"stream": stream, "subject": f"{stream}.>", "service": "x"}
    return taken(made(NatsChannel, server, **settings), COUNT)


def bare_consume(server: NatsServer) -> Taken:
    """The same by a loop that fetches 20 messages at a time and acknowledges each."""
    stream = filled(server)
    counting = Counting(COUNT)

    async def work(client: Any) -> Taken:
        pulling = await client.jetstream().pull_subscribe(f"{stream}.>", "bench", stream=stream)
        while True:
            for message in await pulling.fetch(20, 1):
                await message.ack()
                if counting.count():
                    return counting.taken()

    return server.do(work)


def bare_store(server: NatsServer, subject: str) -> Taken:
    """Store messages, and wait for each acknowledgement."""

    async def work(client: Any) -> Taken:
        context = client.jetstream()
        used = time.process_time()
        began = time.perf_counter()
        for _ in range(STORED):
            await context.publish(subject, BODY, headers=headers())
        took = time.perf_counter() - began
        return Taken(STORED / took, (time.process_time() - used) / STORED * 1e6)

    return server.do(work)


if __name__ == "__main__":
    from .measure import table

    print(table(list(nats(Path()))))
