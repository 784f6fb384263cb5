"""A broker that goes on to send heart-beats, and answers nothing, holds nobody up for ever."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from hansa import Unavailable, load
from hansa_devkit.background import in_background
from hansa_jms.amqp.subscriber import AmqpSubscriber
from hansa_jms.settings import SendingSettings
from hansa_jms.stomp.frames import encoded
from hansa_jms.stomp.subscriber import StompSubscriber

SASL = b"AMQP\x03\x01\x00\x00"
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"
CONNECTED = encoded("CONNECTED", {"version": "1.2", "heart-beat": "1000,1000"})


@pytest.fixture
def beating() -> Iterator[Callable[[bytes, bytes], int]]:
    """Starts a broker that says something, and then only beats; returns its port."""
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def start(greeting: bytes, beat: bytes) -> int:
        listening = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with listening, listening.accept()[0] as made:
                try:
                    made.sendall(greeting)
                    while not ended.wait(0.02):
                        made.sendall(beat)
                except OSError:  # the other side has had enough
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        threads.append(thread)
        return int(listening.getsockname()[1])

    yield start
    ended.set()
    for thread in threads:
        thread.join(30)


@pytest.mark.parametrize(
    ("kind", "greeting", "beat"),
    [(StompSubscriber, b"", b"\n"), (AmqpSubscriber, SASL, EMPTY_FRAME)],
)
def test_a_login_that_is_never_answered(beating, kind, greeting, beat):
    settings = load(SendingSettings, {"port": beating(greeting, beat), "timeout": 0.3})
    connection = kind(settings, heartbeat=1.0)
    opening = in_background(connection.open, 0.3)
    try:
        with pytest.raises(Unavailable, match="timed out"):
            opening.result(10)
    finally:
        connection.abort()
        connection.close()


def test_a_request_that_is_never_answered(beating):
    settings = load(SendingSettings, {"port": beating(CONNECTED, b"\n"), "timeout": 0.3})
    connection = StompSubscriber(settings, heartbeat=1.0)
    connection.open(5.0)
    asking = in_background(connection.check)
    try:
        with pytest.raises(Unavailable, match="timed out"):
            asking.result(10)
        assert connection.broken
    finally:
        connection.abort()
        connection.close()
