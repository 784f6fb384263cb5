"""All types hold the contracts of the conformance kit, with bare peers of websockets."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from hansa_devkit import ChannelContract, OutgoingContract
from hansa_devkit.harness.ports import free_port
from hansa_websocket.channel import WebSocketChannel
from hansa_websocket.feed import WebSocketFeed
from hansa_websocket.outgoing import WebSocketOutgoing

from plugins.websocket.tests.support import Peer, client

PORT = free_port()


@pytest.mark.proves("channel websocket", "guarantee")
@pytest.mark.proves("channel websocket", "durability", "none: a message is in memory alone")
@pytest.mark.proves("channel websocket", "loss window", "what has come and was not answered")
@pytest.mark.proves("channel websocket", "duplicates", "none")
class TestChannel(ChannelContract):
    cls = WebSocketChannel
    good = {"port": PORT, "timeout": 3}

    def send(self, raw):
        with client(PORT) as connection:
            connection.send(raw)
            connection.recv(10)


class OnPeer:
    """A bare server for each test."""

    @pytest.fixture(autouse=True)
    def _peer(self):
        with Peer() as self.peer:
            yield

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "url": f"ws://127.0.0.1:{self.peer.port}", "timeout": 3}

    def peer_down(self):
        self.peer.stop()

    def peer_up(self):
        self.peer.start()


@pytest.mark.proves("channel websocket-client", "guarantee")
@pytest.mark.proves("channel websocket-client", "durability", "none: a message is in memory alone")
@pytest.mark.proves(
    "channel websocket-client", "loss window", "what comes while it is not connected, or is in hand"
)
@pytest.mark.proves("channel websocket-client", "duplicates", "none")
class TestFeed(OnPeer, ChannelContract):
    cls = WebSocketFeed
    good: Any = {}
    loses_on_edit = True  # what nobody receives is lost

    def send(self, raw):
        self.peer.send(raw)


class TestOutgoing(OnPeer, OutgoingContract):
    cls = WebSocketOutgoing
    good: Any = {}

    def use(self, outgoing):
        assert outgoing.ask("text") == "text"

    @contextmanager
    def peer_hangs(self):
        self.peer.silent.set()
        yield
        self.peer.silent.clear()
