"""Both types hold the contracts of the conformance kit, against a broker that is ended and paused."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from hansa_devkit import ChannelContract, OutgoingContract
from hansa_kafka.channel import KafkaChannel
from hansa_kafka.outgoing import KafkaOutgoing


class Ended:
    """The peer goes away, and comes back with its data."""

    patience = 20.0

    @pytest.fixture(autouse=True)
    def _peer(self, broker):
        self.broker = broker
        broker.start()
        self.topic = broker.topic()
        yield
        broker.resume()
        broker.start()

    def settings(self) -> dict[str, Any]:
        own = {"port": self.broker.port, "timeout": 5.0, "connect_timeout": 2.0}
        return {**super().settings(), **own}

    def peer_down(self) -> None:
        self.broker.stop()

    def peer_up(self) -> None:
        self.broker.start()


@pytest.mark.proves("channel kafka", "guarantee")
class TestChannel(Ended, ChannelContract):
    cls = KafkaChannel
    good = {"group": "conformance", "first_delay": 0.05, "session_timeout": 6}
    headers = {"kind": "test"}
    edits = 5
    settle = 0.5

    # noida-db never evicts a member, so that a group in which one joins at the moment at which
    # another leaves may wait for ever; test_channel.py has the same story with Tansu
    test_an_edit_under_load_loses_nothing = None  # type: ignore[assignment]  # as the kit has it

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "topics": [self.topic]}

    def send(self, raw: bytes) -> None:
        self.broker.send(self.topic, raw, headers={"Kind": "test"})


class TestOutgoing(Ended, OutgoingContract):
    cls = KafkaOutgoing
    timeout = 1.0

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "topic": self.topic}

    def use(self, outgoing: Any) -> None:
        assert outgoing.publish(b"message").topic == self.topic

    @contextmanager
    def peer_hangs(self):
        self.broker.pause()
        yield
        self.broker.resume()
