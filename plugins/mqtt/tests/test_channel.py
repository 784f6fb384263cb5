"""What the channel does with messages: what services see, what fails, what the session keeps."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from hansa import HansaError, Invalid, Request, load
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.inbox import answer
from hansa_mqtt.channel import MqttChannel
from hansa_mqtt.settings import SubscriptionSettings
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from plugins.mqtt.tests.mosquitto import Mosquitto
from plugins.mqtt.tests.support import channel, made


@pytest.fixture
def own(topic):
    """Settings of a channel that nobody else has."""
    return {"topic": topic, "client_id": uuid.uuid4().hex}


def properties(**values):
    made = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("qos", [1, 2])
def test_services_see_what_mqtt_says_of_a_message(broker, topic, own, qos):
    inbox = Inbox()
    given = properties(
        UserProperty=[("Kind", "order"), ("Kind", "große"), ("x-hansa-cid", "abc-1")],
        ContentType="text/plain",
        ResponseTopic="answers/1",
        CorrelationData=b"\x00\x01",
    )
    with channel(broker, inbox, qos=qos, **own):
        broker.send(topic, b"body", qos=qos, properties=given)
        [request] = inbox.wait(1, 60)
    assert request.raw == b"body" and request.cid == "abc-1"
    assert request.headers["kind"] == "große"
    about = {name: request.headers[f"mqtt-{name}"] for name in ("topic", "qos", "retain")}
    assert about == {"topic": topic, "qos": str(qos), "retain": "false"}
    assert request.extra["user_properties"][0] == ("Kind", "order")
    assert request.extra["properties"] == {
        "content_type": "text/plain",
        "response_topic": "answers/1",
        "correlation_data": b"\x00\x01",
    }


def test_wildcards_and_shared_subscriptions(broker, topic):
    inboxes = [Inbox(), Inbox()]
    share: Any = {"topic": f"{topic}/+/#", "share": "gruppe"}
    clients: list[Any] = [{**share, "client_id": uuid.uuid4().hex} for _ in inboxes]
    with channel(broker, inboxes[0], **clients[0]), channel(broker, inboxes[1], **clients[1]):
        for number in range(20):
            broker.send(f"{topic}/{number}/x", b"%d" % number)
        wait_until(lambda: sum(len(one.requests) for one in inboxes) == 20, 10)
        broker.send(topic, b"matches nothing")
    bodies = sorted(int(request.raw) for one in inboxes for request in one.requests)
    assert bodies == list(range(20))
    assert all(one.requests for one in inboxes), "both have a part"


@pytest.mark.parametrize(("retained", "count"), [("new", 1), ("always", 2), ("never", 0)])
def test_retained_messages_come_when_they_are_asked_for(broker, topic, own, retained, count):
    broker.send(topic, b"old", retain=True)
    inbox = Inbox()
    for number in range(2):
        with channel(broker, inbox, retained=retained, **own):
            broker.send(topic, b"last %d" % number)
            wait_until(
                lambda last=b"last %d" % number: last in {one.raw for one in inbox.requests}, 10
            )
    found = [request for request in inbox.requests if request.raw == b"old"]
    assert len(found) == count
    assert all(request.headers["mqtt-retain"] == "true" for request in found)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_session_keeps_messages_and_follows_an_edit_of_the_topic(broker, topic, own, version):
    server, inbox = LocalServer(), Inbox()
    settings = {**own, "version": version}
    with channel(broker, inbox, server, **settings):
        pass
    broker.send(topic, b"kept")
    other = f"{topic}/other"
    with channel(broker, inbox, server, **{**settings, "topic": other}):
        [request] = inbox.wait(1, 60)
        assert request.raw == b"kept"
        broker.send(topic, b"no longer wanted")
        broker.send(other, b"wanted")
        assert [request.raw for request in inbox.wait(2, 60)][1] == b"wanted"


def test_a_clean_start_keeps_nothing(broker, topic, own):
    inbox = Inbox()
    config = load(SubscriptionSettings, {**own, "clean_start": True})
    assert MqttChannel.delivery_of(config) == "at_most_once"
    for _ in range(2):
        with channel(broker, inbox, clean_start=True, **own):
            broker.send(topic, b"now")
            inbox.wait(len(inbox.requests) + 1, 10)
        broker.send(topic, b"nobody is here")
    assert {request.raw for request in inbox.requests} == {b"now"}


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_is_given_up_is_a_dead_letter_with_the_cause(broker, topic, own, version):
    inbox = Inbox("retry")
    dead = f"{topic}/dead"
    settings = {**own, "max_attempts": 3, "dead_letter_topic": dead, "version": version}
    with broker.reading(dead) as found, channel(broker, inbox, **settings):
        broker.send(topic, b"poison", properties=properties(UserProperty=[("own", "1")]))
        wait_until(lambda: found, 10)
    assert [request.attempt for request in inbox.requests] == [1, 2, 3]
    assert len({request.cid for request in inbox.requests}) == 1
    assert found[0].payload == b"poison"
    if version == "5":
        headers = dict(found[0].properties.UserProperty)
        assert headers["own"] == "1" and headers["x-hansa-attempts"] == "3"
        assert headers["x-hansa-cause"].startswith("Unavailable: ")
        assert headers["x-hansa-topic"] == topic and headers["x-hansa-channel"] == "Grüße"


def test_one_that_fails_holds_up_no_other(broker, topic, own):
    def dispatch(request: Request):
        inbox(request)
        return answer(request, "retry" if request.raw == b"bad" else "done")

    inbox = Inbox()
    with channel(broker, dispatch, first_delay=0.3, max_attempts=2, prefetch=5, pool=2, **own):
        broker.send(topic, b"bad", *[b"%d" % number for number in range(50)])
        wait_until(lambda: len({request.raw for request in inbox.requests}) == 51, 20)


def test_a_message_of_the_largest_size_passes_and_a_larger_one_is_given_up(broker, topic, own):
    inbox, dead = Inbox(), f"{topic}/dead"
    with (
        broker.reading(dead) as found,
        channel(broker, inbox, max_body=100_000, dead_letter_topic=dead, **own),
    ):
        broker.send(topic, b"x" * 100_000, b"x" * 100_001)
        inbox.wait(1, 60)
        wait_until(lambda: found, 10)
    assert [len(request.raw) for request in inbox.requests] == [100_000]
    assert len(found[0].payload) == 100_001


def test_a_dead_letter_goes_without_headers_where_the_broker_takes_no_more(topic, caplog):
    dead = f"{topic}/dead"
    with Mosquitto(largest=3000) as small, small.reading(dead) as found:
        own: Any = {"topic": "a", "dead_letter_topic": dead, "client_id": uuid.uuid4().hex}
        with channel(small, Inbox("reject"), **own):
            small.send("a", b"x" * 2900, b"y" * 2990)
            wait_until(lambda: found and "no dead letter" in caplog.text, 10)
            small.send("a", b"next")
            wait_until(lambda: len(found) == 2, 10)
    assert [message.payload for message in found] == [b"x" * 2900, b"next"]


def test_what_finds_no_room_at_qos_0_is_counted_in_the_log(broker, topic, own, caplog):
    going = threading.Event()

    def dispatch(request: Request):
        going.wait(20)
        return answer(request, "done")

    with channel(broker, dispatch, qos=0, pool=1, prefetch=2, keep_alive=1, **own):
        broker.send(topic, *[b"%d" % number for number in range(10)], qos=0)
        wait_until(lambda: "found no room and are lost" in caplog.text, 10)
        going.set()
    assert "raise pool and prefetch" in caplog.text


def test_another_connection_with_the_same_client_identifier_is_named(broker, own):
    with channel(broker, Inbox(), **own) as one:
        with broker.client(client_id=own["client_id"]):
            wait_until(lambda: one.server.objects.losses, 10)
    [error] = one.server.objects.losses.values()
    assert "check the setting client_id" in str(error)


def test_the_last_will_is_published_when_the_connection_is_lost(broker, topic, own):
    will: Any = {"will_topic": f"{topic}/will", "will_message": "gone", "will_retain": True}
    with channel(broker, Inbox(), **will, **own) as one:
        one.connection._shut_down(one.connection.client)
        wait_until(lambda: one.server.objects.losses, 10)
    assert broker.retained(f"{topic}/will") == b"gone"


def test_what_paho_is_changed_in_is_confirmed_late(broker, topic, own):
    """A message of QoS 2 whose service has not ended comes again, as one of QoS 1 does."""
    going = threading.Event()

    def dispatch(request: Request):
        first(request)
        going.wait(20)
        return answer(request, "done")

    first, second = Inbox(), Inbox()
    one = made(MqttChannel, broker, qos=2, service="x", **own)
    one.dispatch = dispatch
    one.start()
    broker.send(topic, b"in hand", qos=2)
    first.wait(1, 60)
    one.connection._shut_down(one.connection.client)  # as if the worker had died
    with channel(broker, second, qos=2, **own):
        [request] = second.wait(1, 60)
        assert request.raw == b"in hand" and request.extra["redelivered"]
    going.set()
    one.stop()


@pytest.mark.evidence("tls")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"tls_ca": ""}, "set tls_ca to"),
        ({"host": "localhost"}, "set host to a name that is in it"),
        ({"tls": False}, "check the setting port; if the server expects TLS there"),
    ],
)
def test_tls(broker, topic, own, changes, told):
    right = {"port": broker.ports["tls"], "tls": True, "tls_ca": str(broker.pem), "timeout": 3}
    inbox = Inbox()
    if told:
        with (
            pytest.raises(HansaError, match=told),
            channel(broker, inbox, **{**right, **changes}, **own),
        ):
            pass
        return
    with channel(broker, inbox, **right, **own):
        broker.send(topic, b"encrypted on its way out")
        inbox.wait(1, 60)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"password": "wrong-one"}, "check the settings username and password"),
        ({"port": 1}, "check the settings host and port"),
        ({"host": "no-such-host.invalid"}, "check the setting host"),
        ({"tls": True}, "check the setting port, or set tls to false"),
    ],
)
def test_a_refusal_names_the_setting_to_change(broker, own, changes, told):
    with (
        pytest.raises(HansaError, match=told) as caught,
        channel(broker, Inbox(), **{**own, "timeout": 3, **changes}),
    ):
        pass
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"topic": "a/#/b"}, {"topic"}),
        ({"topic": "a+"}, {"topic"}),
        ({"topic": "$share/g/a"}, {"topic"}),
        ({"topic": "a\0", "share": "g/h"}, {"topic", "share"}),
        ({"dead_letter_topic": "a/+"}, {"dead_letter_topic"}),
        ({"version": "3.1.1", "retained": "never"}, {"retained"}),
        ({"will_message": "gone"}, {"will_topic"}),
        ({"will_topic": "a/#"}, {"will_topic"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(SubscriptionSettings, {"topic": "t", **settings})
    assert set(caught.value.errors) == faults
