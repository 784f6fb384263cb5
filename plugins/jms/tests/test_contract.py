"""All three types hold the contracts of the conformance kit, against a broker that is cut off and back."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import Any

import pytest
from hansa_devkit import ChannelContract, OutgoingContract
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.waiting import wait_until
from hansa_jms.channel import JmsChannel
from hansa_jms.outgoing import JmsOutgoing
from hansa_jms.topic import JmsTopicChannel

from plugins.connect.tests.draining_contract import Drains

_numbers = itertools.count()


class Through:
    """The broker is reached through a proxy, which is how it goes away and comes back."""

    broker_name = "activemq"

    @pytest.fixture(autouse=True)
    def _peer(self, request):
        self.broker = broker = request.getfixturevalue(self.broker_name)
        self.source = f"contract-{next(_numbers)}"
        with Proxy(broker.port) as self.proxy:
            yield

    def settings(self) -> dict[str, Any]:
        quick = {"port": self.proxy.port, "timeout": 5.0}
        return {**super().settings(), **self.broker.settings, **quick}

    def peer_down(self) -> None:
        self.proxy.mode = "refuse"

    def peer_up(self) -> None:
        self.proxy.mode = "pass"


@pytest.mark.proves("channel jms", "guarantee")
@pytest.mark.proves("channel jms", "durability", "what the broker keeps until it is told")
@pytest.mark.proves("channel jms", "loss window", "none: it is told after the service has ended")
@pytest.mark.proves("channel jms", "duplicates", "what is in hand when its process dies")
class TestQueue(Through, ChannelContract):
    cls = JmsChannel
    good = {"first_delay": 0.05}
    headers = {"kind": "test"}

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "queue": self.source}

    def send(self, raw: bytes) -> None:
        self.broker.send(f"/queue/{self.source}", raw, Kind="test")


@pytest.mark.proves("channel jms_topic", "guarantee")
@pytest.mark.proves("channel jms_topic", "durability", "what the broker keeps until it is told")
@pytest.mark.proves(
    "channel jms_topic", "loss window", "none: it is told after the service has ended"
)
@pytest.mark.proves("channel jms_topic", "duplicates", "what is in hand when its process dies")
class TestDurableTopic(Through, ChannelContract):
    cls = JmsTopicChannel
    good = {"first_delay": 0.05}

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "topic": self.source, "client_id": self.source}

    @pytest.fixture(autouse=True)
    def _subscribed(self, _peer):
        """Without a subscription that was made once, the broker keeps nothing."""
        with self.running():
            pass

    def send(self, raw: bytes) -> None:
        self.broker.send(f"/topic/{self.source}", raw)


class TestTopic(Drains, TestDurableTopic):
    good = {"first_delay": 0.05, "durable": False}
    loses_on_edit = True  # who subscribes later does not get what came meanwhile
    drained = 15  # the broker keeps what exceeds `prefetch`, and forgets it with the subscription

    def when_sent(self, channel: Any) -> None:
        wait_until(lambda: len(channel._unacknowledged) == self.drained, 30)

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "client_id": ""}


class TestQueueOverAmqp(TestQueue):
    broker_name = "rabbit"


class TestTopicOverAmqp(TestTopic):
    broker_name = "rabbit"


class TestOutgoing(Through, OutgoingContract):
    cls = JmsOutgoing
    good = {"queue": "contract-out"}

    def use(self, outgoing: Any) -> None:
        outgoing.send(b"message")

    @contextmanager
    def peer_hangs(self):
        self.proxy.mode = "drop"
        yield
        self.proxy.mode = "pass"


class TestOutgoingOverAmqp(TestOutgoing):
    broker_name = "rabbit"
