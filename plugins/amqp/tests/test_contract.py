"""Both types hold the contracts of the conformance kit, against a RabbitMQ that is paused and cut
off.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from hansa_amqp.channel import AmqpChannel
from hansa_amqp.outgoing import AmqpOutgoing
from hansa_devkit import ChannelContract, OutgoingContract
from hansa_devkit.faults import Proxy


class Through:
    """The peer is reached through a proxy, which is how it goes away and comes back."""

    @pytest.fixture(autouse=True)
    def _peer(self, rabbit):
        self.rabbit = rabbit
        rabbit.make("contract", "contract.dead-letter", type=self.queue_type)
        with Proxy(rabbit.port) as self.proxy:
            yield

    queue_type = "classic"

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "port": self.proxy.port, "password": "guest", "timeout": 3.0}

    def peer_down(self) -> None:
        self.proxy.mode = "refuse"

    def peer_up(self) -> None:
        self.proxy.mode = "pass"


@pytest.mark.proves("channel amqp", "guarantee")
class TestChannel(Through, ChannelContract):
    cls = AmqpChannel
    good = {"queue": "contract", "first_delay": 0.05}
    headers = {"kind": "test"}

    def send(self, raw: bytes) -> None:
        self.rabbit.send("contract", raw, headers={"Kind": "test"})


class TestChannelOfQuorumQueue(TestChannel):
    queue_type = "quorum"


class TestOutgoing(Through, OutgoingContract):
    cls = AmqpOutgoing
    good = {"routing_key": "contract"}

    def use(self, outgoing: Any) -> None:
        outgoing.publish(b"message")

    @contextmanager
    def peer_hangs(self):
        self.proxy.mode = "drop"
        yield
        self.proxy.mode = "pass"
