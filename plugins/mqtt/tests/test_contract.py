"""Both types hold the contracts of the conformance kit on Mosquitto, in both versions of MQTT."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import Any

import pytest
from hansa_devkit import ChannelContract, Inbox, OutgoingContract
from hansa_mqtt.channel import MqttChannel
from hansa_mqtt.outgoing import MqttOutgoing

from plugins.connect.tests.draining_contract import Drains
from plugins.connect.tests.on_peer import OnPeer
from plugins.mqtt.tests.mosquitto import Mosquitto

pytestmark = pytest.mark.evidence("real_server")


class OnBroker(OnPeer):
    """Topic and client identifier are new for each test."""

    make_peer = Mosquitto
    version = "5"
    cls: Any

    @pytest.fixture(autouse=True)
    def _names(self, _empty):
        self.topic = f"tests/{uuid.uuid4().hex}/ä"
        self.client_id = uuid.uuid4().hex

    def settings(self) -> dict[str, Any]:
        own = {"topic": self.topic, "timeout": 5, "version": self.version}
        return {**super().settings(), **own}


@pytest.mark.proves("channel mqtt", "guarantee")
@pytest.mark.proves(
    "channel mqtt",
    "durability",
    "the broker keeps the session for `session_expiry`, as durably as it is set up to",
)
@pytest.mark.proves("channel mqtt", "loss window", "none from QoS 1 on")
@pytest.mark.proves(
    "channel mqtt", "duplicates", "what is in hand when its worker or the broker dies"
)
class TestChannel(OnBroker, ChannelContract):
    cls = MqttChannel
    good: Any = {"first_delay": 0.05}
    qos = 1

    @pytest.fixture(autouse=True)
    def _subscribed(self, _names):
        with self.receiving(Inbox()):
            pass  # from now on the broker keeps what comes

    def settings(self):
        return {**super().settings(), "client_id": self.client_id, "qos": self.qos}

    def send(self, raw):
        self.peer.send(self.topic, raw, qos=self.qos)


class TestChannelOfQoS2(TestChannel):
    qos = 2


class TestChannelOfMqtt3(TestChannel):
    version = "3.1.1"


class TestChannelOfQoS0(Drains, TestChannel):
    qos = 0
    loses_on_edit = True  # the broker keeps no message of QoS 0


class TestChannelOfCleanStart(Drains, TestChannel):
    good: Any = {"first_delay": 0.05, "clean_start": True}
    loses_on_edit = True  # no session is kept while one object takes over from another
    drained = 15  # the broker keeps what exceeds `prefetch`, and forgets it with the session


@pytest.mark.proves(
    "outgoing mqtt",
    "guarantee",
    "at least once from QoS 1 on: the broker has confirmed it, or it is an error",
)
class TestOutgoing(OnBroker, OutgoingContract):
    cls = MqttOutgoing
    good: Any = {}

    def use(self, outgoing):
        outgoing.publish("text")

    @contextmanager
    def peer_refuses(self):
        with self.other_password():
            yield

    refusal = "check the settings username and password"
