"""What a client in Java sends arrives whole; what fails is tried again, or a dead letter; nothing is lost."""

from __future__ import annotations

import itertools
import json
import threading
import time
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hansa import Invalid, Unavailable
from hansa_devkit import Inbox
from hansa_devkit.faults import Proxy
from hansa_devkit.harness import objects
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.inbox import answer
from hansa_jms.channel import JmsChannel
from hansa_jms.stomp import messages as stomp_messages
from hansa_jms.topic import JmsTopicChannel

_numbers = itertools.count()


@pytest.fixture
def queue():
    """The name of a queue that is empty."""
    return f"in-{next(_numbers)}"


def made(broker, cls=JmsChannel, server=None, **settings: Any) -> Any:
    """A channel that is not started."""
    given = {**broker.settings, "service": "test", "timeout": 5.0, "first_delay": 0.02, **settings}
    return objects.made(cls, given, server, f"test-{next(_numbers)}")


def channel(broker, dispatch, cls=JmsChannel, **settings: Any) -> AbstractContextManager[Any]:
    """A running channel."""
    return objects.running(made(broker, cls, **settings), dispatch)


TEXTS = [
    "plain",
    "",
    "Grüße, мир",
    "an emoji \U0001f600 and a NUL \0",
    "<map>no map</map",
    "a\r\nb:\\c",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_java_arrive(broker, queue, text):
    inbox = Inbox()
    with channel(broker, inbox, queue=queue):
        broker.send(f"/queue/{queue}", text, kind="a: ü\\n", number="#7")
        [request] = inbox.wait(1, 60)
    assert request.raw.decode() == text
    assert request.extra["kind"] == "text"
    assert (request.headers["kind"], request.headers["number"]) == ("a: ü\\n", "7")


@pytest.mark.parametrize("body", [b"", b"\0\n\0", bytes(range(256)) * 5000])
def test_bytes_of_java_arrive(broker, queue, body):
    inbox = Inbox()
    with channel(broker, inbox, queue=queue):
        broker.send(f"/queue/{queue}", body)
        [request] = inbox.wait(1, 60)
    assert (request.raw, request.extra["kind"]) == (body, "bytes")


def test_maps_of_java_arrive_as_json(activemq, queue):
    inbox = Inbox()
    with channel(activemq, inbox, queue=queue):
        items = "n=int=7&t=str=007 <&ü&d=double=1.5&b=bool=true&x=bytes=xyz&e=str="
        activemq.send_kind(f"/queue/{queue}", "map", items.replace("<&", "<"))
        [request] = inbox.wait(1, 60)
    assert json.loads(request.raw) == {
        "n": 7,
        "t": "007 <ü",
        "d": 1.5,
        "b": True,
        "x": "eHl6",
        "e": "",
    }
    assert request.extra["kind"] == "map"
    assert request.extra["map"]["x"] == b"xyz"


def test_headers_of_jms_arrive(broker, queue):
    inbox = Inbox()
    with channel(broker, inbox, queue=queue):
        given = {
            "correlation_": "c:1",
            "reply_": "/queue/answers",
            "type_": "order",
            "priority_": "7",
            "live_": "60000",
        }
        broker.send(f"/queue/{queue}", "x", **given)
        [request] = inbox.wait(1, 60)
    extra = request.extra
    assert (extra["correlation_id"], extra["reply_to"]) == ("c:1", "/queue/answers")
    assert (extra["message_type"], extra["priority"]) == ("order", 7)
    assert extra["message_id"].startswith("ID:") and not extra["redelivered"]
    assert 0 < extra["expires"] / 1000 - time.time() < 61
    assert extra["origin"] == {"destination": f"/queue/{queue}"}


def test_only_what_the_selector_takes(activemq, queue):
    inbox = Inbox()
    with channel(activemq, inbox, queue=queue, selector="kind = 'order' AND JMSPriority > 4"):
        activemq.send(f"/queue/{queue}", "no", kind="order")
        activemq.send(f"/queue/{queue}", "neither", kind="offer", priority_="9")
        activemq.send(f"/queue/{queue}", "yes", kind="order", priority_="9")
        [request] = inbox.wait(1, 60)
        assert not inbox.has(2, 0.3)
    assert request.raw == b"yes"
    assert activemq.count(queue) == 2


def test_a_wrong_selector_is_told(activemq, queue):
    with pytest.raises(Unavailable, match="refuses it: kind = ="):
        with channel(activemq, Inbox(), queue=queue, selector="kind = = 1"):
            pass


# -- what fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "attempts"), [("retry", 3), ("reject", 1)])
@pytest.mark.parametrize("kind", ["text", "bytes", "map"])
def test_what_fails_is_a_dead_letter_whole_with_its_cause(broker, queue, outcome, attempts, kind):
    inbox = Inbox(outcome)
    body = {"text": "Grüße \U0001f600", "bytes": "00ff", "map": "a=int=1&b=str=x"}[kind]
    with channel(broker, inbox, queue=queue, max_attempts=3) as one:
        given = {"correlation_": "c", "reply_": "/queue/answers", "type_": "t", "live_": "60000"}
        broker.send_kind(f"/queue/{queue}", kind, body, own="ü:", **given)
        wait_until(lambda: broker.count(f"{queue}.dead-letter") == 1, 30)
    assert [request.attempt for request in inbox.requests] == list(range(1, attempts + 1))
    assert len({request.cid for request in inbox.requests}) == 1
    [dead] = broker.read(f"/queue/{queue}.dead-letter", most=1)
    assert dead[".kind"] == kind
    assert dead.get(".body", body) == body
    assert (dead["own"], dead[".correlation"], dead[".type"]) == ("ü:", "c", "t")
    assert (dead[".reply"], dead[".expires"], dead[".persistent"]) == (
        "queue://answers",
        "0",
        "true",
    )
    assert dead["hansaAttempts"] == str(attempts)
    assert len(json.loads(dead["hansaHistory"])) == attempts
    assert "the conformance kit" in dead["hansaCause"]
    assert (dead["hansaChannel"], dead["hansaDestination"]) == (one.name, f"/queue/{queue}")
    assert broker.count(queue) == 0


def test_a_message_of_the_largest_size_and_one_byte_more(broker, queue):
    inbox = Inbox()
    with channel(broker, inbox, queue=queue, max_body=1_000_000):
        broker.send(f"/queue/{queue}", bytes(1_000_001))
        broker.send(f"/queue/{queue}", bytes(1_000_000))
        [request] = inbox.wait(1, 60)
        wait_until(lambda: broker.count(f"{queue}.dead-letter") == 1, 30)
    assert len(request.raw) == 1_000_000
    [dead] = broker.read(f"/queue/{queue}.dead-letter", most=1)
    assert dead["hansaCause"].startswith("TooLarge: the message has 1000001 bytes")
    assert len(dead[".body"]) == 2_000_002


def test_a_map_over_the_largest_size_is_a_dead_letter_that_is_not_read(
    activemq, queue, monkeypatch
):
    def read(body):
        raise AssertionError("its items would take many times its size")

    monkeypatch.setattr(stomp_messages, "map_of", read)
    with channel(activemq, Inbox(), queue=queue, max_body=100):
        activemq.send_kind(f"/queue/{queue}", "map", "a=str=" + "x" * 200)
        wait_until(lambda: activemq.count(f"{queue}.dead-letter") == 1, 30)
    [dead] = activemq.read(f"/queue/{queue}.dead-letter", most=1)
    assert dead["hansaCause"].startswith("TooLarge") and dead[".kind"] == "map"


def test_what_is_more_than_memory_is_left_to_the_broker(activemq, queue, monkeypatch):
    monkeypatch.setattr("hansa_jms.stomp.connection.LARGEST", 1000)
    monkeypatch.setattr(stomp_messages, "LARGEST", 1000)
    inbox = Inbox()
    activemq.read("/queue/ActiveMQ.DLQ", patience=0.1)
    with channel(activemq, inbox, queue=queue) as one:
        activemq.send(f"/queue/{queue}", bytes(1001))
        activemq.send(f"/queue/{queue}", "next")
        [request] = inbox.wait(1, 60)
        assert not one.server.losses
        wait_until(lambda: activemq.count("ActiveMQ.DLQ") == 1, 30)
    assert request.raw == b"next"


def test_odd_properties_reach_the_service_and_survive_its_failure(broker, queue):
    odd = {
        "a-b": "c\r\n:\\",
        "x y": "",
        "hansaAttempts": "many",
        "hansaHistory": "[[",
        "hansaCid": "../..",
    }
    inbox = Inbox(outcomes=["retry"])
    with channel(broker, inbox, queue=queue):
        broker.send(f"/queue/{queue}", "odd", **odd)
        first, second = inbox.wait(2, 60)
    assert first.headers["a-b"] == second.headers["a-b"] == "c\r\n:\\"
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.cid == second.cid != "../.."


@pytest.mark.parametrize("name", ["bestellungen-ü", "a.b c", "日本"])
def test_names_in_unicode(activemq, name):
    inbox = Inbox(outcomes=["reject"])
    with channel(activemq, inbox, queue=name):
        activemq.send(f"/queue/{name}", "x")
        wait_until(lambda: activemq.count(f"{name}.dead-letter") == 1, 30)
    [dead] = activemq.read(f"/queue/{name}.dead-letter", most=1)
    assert dead["hansaDestination"] == f"/queue/{name}"


def test_names_that_mean_more_are_refused(activemq):
    for name in ("a,b", "a?b=c", "orders.>", "*", "a\nb", ""):
        with pytest.raises(Invalid, match="queue"):
            made(activemq, queue=name)


# -- many, and ends --------------------------------------------------------------------------------


def test_many_messages_are_handled_once_while_channels_come_and_go(broker, queue):
    inbox = Inbox()
    broker.send(f"/queue/{queue}", "{}", count=500)
    for pause in (20, 200):
        with channel(broker, inbox, queue=queue):
            inbox.wait(pause, 60)
    with channel(broker, inbox, queue=queue):
        inbox.wait(500, 60)
    assert sorted(int(request.raw) for request in inbox.requests) == list(range(500))
    assert broker.count(queue) == 0


def test_what_was_in_hand_comes_again_when_the_connection_breaks(broker, queue):
    going, inbox = threading.Event(), Inbox()

    def held(request):
        inbox(request)
        going.wait(20)
        return answer(request, "done")

    with Proxy(broker.port) as proxy:
        one = made(broker, queue=queue, port=proxy.port)
        one.dispatch = held
        one.start()
        broker.send(f"/queue/{queue}", "x")
        inbox.wait(1, 60)
        proxy.mode = "reset"
        wait_until(lambda: one in one.server.losses, 30, "it is lost")
        going.set()
        one.stop()
    again = Inbox()
    with channel(broker, again, queue=queue):
        [request] = again.wait(1, 60)
    assert request.extra["redelivered"]


def test_a_silent_broker_is_lost(broker, queue):
    with Proxy(broker.port) as proxy:
        with channel(broker, Inbox(), queue=queue, port=proxy.port, heartbeat=1) as one:
            time.sleep(0)
            assert not one.server.losses
            proxy.mode = "drop"
            wait_until(lambda: one in one.server.losses, 30, "it is lost")
            assert "it has been silent for" in str(one.server.losses[one])


@pytest.mark.parametrize("length", ["0", "5000"])
def test_a_property_that_is_taken_for_the_length_is_told(activemq, queue, length):
    """ActiveMQ hands it on as the header, and nobody can tell where such a message ends."""
    with channel(activemq, Inbox(), queue=queue, heartbeat=1) as one:
        activemq.send(f"/queue/{queue}", "text", **{"content-length": length})
        wait_until(lambda: one in one.server.losses, 30, "it is lost")
        assert "does not speak STOMP as it should" in str(one.server.losses[one])
    activemq.read(f"/queue/{queue}")


def test_heart_beats_keep_an_idle_channel(broker, queue):
    inbox = Inbox()
    with channel(broker, inbox, queue=queue, heartbeat=1) as one:
        began = time.monotonic()
        wait_until(lambda: one.server.losses or time.monotonic() > began + 4, 6)
        broker.send(f"/queue/{queue}", "x")
        inbox.wait(1, 60)
        assert not one.server.losses


# -- topics ----------------------------------------------------------------------------------------


def test_a_durable_subscription_keeps_what_came_meanwhile(activemq, queue):
    inbox = Inbox()
    settings = {"cls": JmsTopicChannel, "topic": queue, "client_id": queue, "subscription": "s"}
    with channel(activemq, inbox, **settings):
        activemq.send(f"/topic/{queue}", "one")
        inbox.wait(1, 60)
    activemq.send(f"/topic/{queue}", "two")
    with channel(activemq, inbox, **settings):
        inbox.wait(2, 60)
        assert not inbox.has(3, 0.3)
    assert [request.raw for request in inbox.requests] == [b"one", b"two"]


def test_a_message_of_a_topic_that_fails_is_tried_again_here(activemq, queue):
    inbox, other = Inbox("retry"), Inbox()
    settings = {"cls": JmsTopicChannel, "topic": queue}
    with channel(activemq, other, **settings, durable=False):
        with channel(activemq, inbox, **settings, client_id=queue, max_attempts=3):
            activemq.send(f"/topic/{queue}", "x", own="1")
            wait_until(lambda: activemq.count(f"{queue}.dead-letter") == 1, 30)
            other.wait(1, 60)
    assert [request.attempt for request in inbox.requests] == [1, 2, 3]
    assert len(other.requests) == 1
    [dead] = activemq.read(f"/queue/{queue}.dead-letter", most=1)
    assert (dead["own"], dead["hansaAttempts"]) == ("1", "3")


def test_wildcards_of_topics(activemq, queue):
    with pytest.raises(Invalid, match="dead_letter_queue: required with wildcards"):
        made(activemq, JmsTopicChannel, topic=f"{queue}.>")
    inbox = Inbox()
    settings = {"topic": f"{queue}.>", "durable": False, "dead_letter_queue": "dead"}
    with channel(activemq, inbox, JmsTopicChannel, **settings):
        activemq.send(f"/topic/{queue}.a.b", "x")
        [request] = inbox.wait(1, 60)
    assert request.extra["origin"] == {"destination": f"/topic/{queue}.a.b"}
