"""What the outgoing connection publishes, and what the broker says to it."""

from __future__ import annotations

import threading

import pytest
from hansa import Invalid, TimedOut, Unavailable, load
from hansa_devkit.background import in_background
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.waiting import wait_until
from hansa_mqtt.settings import PublishingSettings

from plugins.mqtt.tests.mosquitto import Mosquitto
from plugins.mqtt.tests.support import outgoing


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_is_published_arrives(broker, topic, qos):
    with broker.reading(f"{topic}/#", 2) as found, outgoing(broker, topic=topic) as connection:
        connection.publish(
            "Grüße",
            qos=qos,
            headers={"Größe": "1"},
            content_type="text/plain",
            response_topic="answers",
            correlation_data=b"\xff",
            expiry=60,
        )
        connection.publish(b"\x00\xff", f"{topic}/b", qos=qos)
        wait_until(lambda: len(found) == 2, 10)
    first, second = found
    assert first.payload.decode() == "Grüße" and second.payload == b"\x00\xff"
    assert (first.qos, first.topic, second.topic) == (qos, topic, f"{topic}/b")
    headers = dict(first.properties.UserProperty)
    assert headers["Größe"] == "1" and headers["x-hansa-cid"]
    given = first.properties
    assert (given.ContentType, given.ResponseTopic) == ("text/plain", "answers")
    assert given.CorrelationData == b"\xff" and given.MessageExpiryInterval <= 60


def test_mqtt_3_has_no_properties_and_says_so(broker, topic):
    with broker.reading(topic) as found, outgoing(broker, version="3.1.1") as connection:
        connection.publish("x", topic, retain=True)
        wait_until(lambda: found, 10)
        with pytest.raises(Invalid) as caught:
            connection.publish("x", topic, headers={"a": "b"}, expiry=1)
        assert caught.value.errors == {"headers": "needs version 5", "expiry": "needs version 5"}
    assert broker.retained(topic) == b"x"


def test_what_cannot_be_sent_is_refused_by_name(broker):
    with outgoing(broker) as connection:
        with pytest.raises(Invalid) as caught:
            connection.publish(
                "x",
                "a/+",
                qos=3,
                headers={"a": 1},
                content_type="\0",
                response_topic="#",
                correlation_data="text",
                expiry=-1,
            )
        assert set(caught.value.errors) == {
            "topic",
            "qos",
            "headers.a",
            "content_type",
            "response_topic",
            "correlation_data",
            "expiry",
        }
        for wrong, message in ((7, "text or bytes"), ("\ud800", "UTF-8")):
            with pytest.raises(Invalid, match=message):
                connection.publish(wrong, "a")
        with pytest.raises(Invalid, match="topic is empty"):
            connection.publish("x")


def test_the_largest_message_that_a_broker_takes_and_one_byte_more():
    with Mosquitto(largest=5000) as small, outgoing(small) as connection:
        # fixed header of 3, topic of 2 + 1, number of the packet of 2
        headers = len("x-hansa-cid") + 28 + 5 + 1
        most = 5000 - 3 - 3 - 2 - headers
        connection.publish(b"x" * most, "t")
        with pytest.raises(Invalid, match="limit is 4997"):
            connection.publish(b"x" * (most + 1), "t")
        connection.publish("still connected", "t")


def test_what_a_user_may_not_publish_is_refused():
    with (
        Mosquitto(acl="user hansa\ntopic write allowed/#\n") as strict,
        outgoing(strict) as connection,
    ):
        connection.publish("x", "allowed/1")
        with pytest.raises(Unavailable, match="Not authorized"):
            connection.publish("x", "forbidden")
        connection.publish("x", "allowed/2")


def test_a_silent_broker_holds_up_a_call_for_its_time_and_is_noticed(broker, topic):
    with Proxy(broker.ports["guarded"]) as proxy:
        settings = {"port": proxy.port, "timeout": 0.5, "keep_alive": 1}
        with outgoing(broker, **settings) as connection:
            connection.publish("x", topic)
            proxy.mode = "drop"
            with pytest.raises(TimedOut, match="has not answered within"):
                connection.publish("x", topic)
            wait_until(lambda: connection.server.objects.losses, 10)
            with pytest.raises(Unavailable):
                connection.publish("x", topic)


def test_who_waits_for_a_broker_that_goes_is_told_at_once(broker, topic):
    with Proxy(broker.ports["guarded"]) as proxy:
        with outgoing(broker, port=proxy.port, timeout=60) as connection:
            proxy.mode = "drop"
            waiting = in_background(connection.publish, "x", topic)
            assert not threading.Event().wait(0.2) and not waiting.done()
            proxy.mode = "refuse"
            with pytest.raises(Unavailable, match="has closed the connection"):
                waiting.result(10)


def test_no_topic_of_settings_has_a_wildcard():
    with pytest.raises(Invalid) as caught:
        load(PublishingSettings, {"topic": "a/#"})
    assert set(caught.value.errors) == {"topic"}
