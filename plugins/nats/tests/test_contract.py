"""Both types hold the contracts of the conformance kit, against a server that is cut off, with and
without JetStream.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from hansa_devkit import ChannelContract, OutgoingContract
from hansa_devkit.faults import Proxy
from hansa_nats.channel import NatsChannel
from hansa_nats.outgoing import NatsOutgoing

from plugins.connect.tests.draining_contract import Drains


class Through:
    """The peer is reached through a proxy, which is how it goes away and comes back."""

    @pytest.fixture(autouse=True)
    def _peer(self, broker):
        self.broker = broker
        self.stream = broker.stream()
        with Proxy(broker.port) as self.proxy:
            yield

    def settings(self) -> dict[str, Any]:
        own = {"port": self.proxy.port, "timeout": 3.0, "heartbeat": 2.0}
        return {**super().settings(), **own}

    def peer_down(self) -> None:
        self.proxy.mode = "refuse"

    def peer_up(self) -> None:
        self.proxy.mode = "pass"


@pytest.mark.proves("channel nats", "guarantee")
class TestStreamChannel(Through, ChannelContract):
    cls = NatsChannel
    good = {"first_delay": 0.05, "interval": 1.0, "ack_wait": 3.0}
    headers = {"kind": "test"}

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "stream": self.stream, "subject": f"{self.stream}.a"}

    def send(self, raw: bytes) -> None:
        self.broker.store(f"{self.stream}.a", raw, headers={"Kind": "test"})


class TestSubjectChannel(Drains, Through, ChannelContract):
    cls = NatsChannel
    good = {"interval": 1.0}
    headers = {"kind": "test"}

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "subject": "contract.a"}

    def send(self, raw: bytes) -> None:
        self.broker.send("contract.a", raw, headers={"Kind": "test"})


class TestOutgoing(Through, OutgoingContract):
    cls = NatsOutgoing

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "subject": f"{self.stream}.a"}

    def use(self, outgoing: Any) -> None:
        assert outgoing.store(b"message").stream == self.stream

    @contextmanager
    def peer_hangs(self):
        self.proxy.mode = "drop"
        yield
        self.proxy.mode = "pass"
