"""IBM MQ: messages put and taken over its messaging REST API, against bare httpx2, with the same stand-in for
mqweb in a process of its own. There is no real queue manager to measure with.
"""

from __future__ import annotations

import signal
import sys
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from hansa_devkit.harness.objects import made
from hansa_ibmmq.channel import IbmmqChannel
from hansa_ibmmq.outgoing import IbmmqOutgoing

from plugins.ibmmq.tests.mqweb_server import MqwebServer

from .beside import beside, ready
from .measure import Figure
from .messages import BODY, Counting, Taken, compared, repeated, started, taken

COUNT = 200
"""Messages in one run."""
QUEUES = ("IN", "OUT", "DEAD")
CSRF = {"ibm-mq-rest-csrf-token": "bench"}
TEXT = BODY.decode()
PREFETCH = 20
"""Messages that are listed at a time."""


def ibmmq(folder: Path) -> Iterator[Figure]:
    """Messages put and taken over the REST API of IBM MQ, against bare httpx2."""
    with beside("ibmmq") as port, bare_client(port) as client:
        settings = {**described(port).settings, "queue": "OUT"}
        with started(made(IbmmqOutgoing, settings)) as outgoing:
            yield from compared(
                f"IBM MQ, a stand-in: put {COUNT} messages of 200 bytes, one after another",
                "httpx2",
                lambda: repeated(lambda: outgoing.send(TEXT), COUNT),
                lambda: repeated(lambda: bare_put(client, "OUT"), COUNT),
            )
        yield from compared(
            f"IBM MQ, a stand-in: take {COUNT} messages of 200 bytes",
            "httpx2",
            partial(take, port, client),
            partial(bare_take, client),
        )


def described(port: int) -> MqwebServer:
    """The stand-in at a port, which this process does not start."""
    server = MqwebServer()
    server.port = port
    return server


def bare_client(port: int) -> httpx2.Client:
    """A client that logs in, and keeps its connection."""
    login = (MqwebServer.username.encode(), MqwebServer.password.encode())
    manager = MqwebServer.queue_manager.replace(".", "%2E")
    base = f"http://127.0.0.1:{port}/ibmmq/rest/v3/messaging/qmgr/{manager}/queue/"
    return httpx2.Client(base_url=base, auth=login, headers=CSRF, timeout=30, trust_env=False)


def bare_put(client: httpx2.Client, queue: str) -> None:
    """Put a message, and see that it was taken."""
    headers = {
        "Content-Type": "text/plain;charset=utf-8",
        "ibm-mq-md-persistence": "persistent",
        "X-Request-Id": uuid.uuid4().hex,
    }
    client.post(f"{queue}/message", content=TEXT.encode(), headers=headers).raise_for_status()


def fill(client: httpx2.Client) -> None:
    """Put all messages into the queue that is taken from."""
    for _ in range(COUNT):
        bare_put(client, "IN")


def take(port: int, client: httpx2.Client) -> Taken:
    """What a channel takes; the queue is empty when it has stopped."""
    fill(client)
    settings = {
        **described(port).settings,
        "queue": "IN",
        "dead_letter_queue": "DEAD",
        "service": "x",
        "prefetch": PREFETCH,
    }
    return taken(made(IbmmqChannel, settings), COUNT)


def bare_take(client: httpx2.Client) -> Taken:
    """The same by a loop: list, and browse and delete each, once it was counted."""
    fill(client)
    counting = Counting(COUNT)
    while True:
        answer: Any = client.get("IN/messagelist", params={"limit": PREFETCH})
        for entry in answer.raise_for_status().json()["messages"]:
            about = {"messageId": entry["messageId"]}
            found = client.get("IN/message", params=about).raise_for_status()
            if found.text != TEXT:
                raise RuntimeError("another message")
            last = counting.count()
            client.delete("IN/message", params=about).raise_for_status()
            if last:
                return counting.taken()


def serve_alone(port: int) -> None:
    """Be the stand-in."""
    server = described(port)
    server.make(*QUEUES)
    with server:
        ready()
        signal.pause()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve_alone(int(sys.argv[2]))
    else:
        from .measure import table

        print(table(list(ibmmq(Path()))))
