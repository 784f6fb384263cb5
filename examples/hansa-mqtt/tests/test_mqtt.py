"""MQTT holds the contracts on Mosquitto: acknowledged after the work, refused clearly, back after
an outage.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import Any

import paho.mqtt.publish
import paho.mqtt.subscribe
import pytest
from hansa import Invalid, Unavailable
from hansa_devkit import ChannelContract, OutgoingContract
from hansa_devkit.inbox import Inbox
from hansa_mqtt.plugin import MqttChannel, MqttOutgoing


class OnBroker:
    """Both contracts run against the broker."""

    # what the contracts have
    cls: Any
    receiving: Any
    good: Any = {"topic": "t"}

    # paho leaves the sockets of a client that was never started to its finalizers
    test_stop_after_a_failed_start = None

    @pytest.fixture(autouse=True)
    def _broker(self, broker, request):
        if not broker.processes():
            broker.start()
        self.broker = broker
        self.topic = f"tests/{abs(hash(request.node.nodeid))}"
        self.good = {"port": broker.port, "topic": self.topic, "timeout": 3}
        if self.cls is MqttChannel:
            self.good["client_id"] = uuid.uuid4().hex
            with self.receiving(Inbox()):
                pass  # from now on the broker knows of the subscription, and keeps what comes for it

    def peer_down(self):
        self.broker.kill()

    def peer_up(self):
        self.broker.start()


class TestChannel(OnBroker, ChannelContract):
    cls = MqttChannel

    def send(self, raw):
        paho.mqtt.publish.single(
            self.topic, raw, qos=1, hostname="127.0.0.1", port=self.broker.port
        )

    @pytest.mark.parametrize("outcome", ["reject", "retry"])
    def test_what_is_given_up_is_published_before_it_is_acknowledged(self, outcome):
        failed = f"{self.topic}/failed"
        with (
            self.receiving(Inbox("done"), topic=failed, client_id=uuid.uuid4().hex) as given_up,
            self.receiving(Inbox(outcome), failed_topic=failed, attempts=2) as channel,
        ):
            self.send(b"not to be handled")
            (request,) = given_up.dispatch.wait(1, 10)
            assert request.raw == b"not to be handled"
            assert len(channel.dispatch.requests) == (2 if outcome == "retry" else 1)

    @pytest.mark.parametrize(
        ("qos", "guarantee"), [(0, "at_most_once"), (1, "at_least_once"), (2, "at_least_once")]
    )
    def test_what_is_promised_depends_on_the_quality_of_service(self, qos, guarantee):
        assert MqttChannel.delivery_of(self.config(qos=qos)) == guarantee


class TestOutgoing(OnBroker, OutgoingContract):
    cls = MqttOutgoing

    @contextmanager
    def peer_hangs(self):
        self.broker.pause()
        yield
        self.broker.resume()

    def use(self, outgoing):
        outgoing.publish("text")

    def test_what_is_published_arrives(self):
        with self.running(retain=True) as outgoing:
            outgoing.publish("one", f"{self.topic}/a")
            outgoing.publish(b"\x00\xff", f"{self.topic}/b", qos=2)
        options = {"hostname": "127.0.0.1", "port": self.broker.port}
        assert paho.mqtt.subscribe.simple(f"{self.topic}/a", **options).payload == b"one"
        assert paho.mqtt.subscribe.simple(f"{self.topic}/b", **options).payload == b"\x00\xff"

    @pytest.mark.parametrize("topic", ["a/+", "#", "a\0b"])
    def test_what_cannot_be_a_topic_is_refused(self, topic):
        with self.running() as outgoing, pytest.raises(Invalid, match="no topic"):
            outgoing.publish("x", topic)

    def test_who_may_not_log_in_is_told_so(self):
        guarded = {"port": self.broker.ports["guarded"], "username": "hansa"}
        with (
            pytest.raises(Unavailable, match="refuses the connection: Not authorized"),
            self.running(**guarded, password="wrong"),
        ):
            pass
        with self.running(**guarded, password="secret") as outgoing:
            assert outgoing.ping()
