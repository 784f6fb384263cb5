"""What the outgoing connection publishes, and what it refuses."""

from __future__ import annotations

import contextlib
import threading

import pytest
from hansa import HansaError, Invalid, TooLarge, Unavailable
from hansa_devkit.harness.waiting import wait_until
from hansa_kafka.outgoing import KafkaMessage

from plugins.kafka.tests.support import outgoing


@pytest.fixture
def topic(broker):
    return broker.topic(partitions=3)


def test_a_message_with_key_headers_and_partition(broker, topic):
    with outgoing(broker, topic=topic) as out:
        place = out.publish("Grüße", key="ключ", headers={"a": "мир", "b": b"\xff"}, partition=2)
    assert (place.topic, place.partition, place.offset) == (topic, 2, 0)
    (message,) = broker.read(topic, 2)
    assert (message.value(), message.key()) == ("Grüße".encode(), "ключ".encode())
    found = dict(message.headers())
    assert (found["a"], found["b"]) == ("мир".encode(), b"\xff")
    assert found["x-hansa-cid"]


def test_messages_of_a_key_keep_their_order(broker, topic):
    with outgoing(broker, topic=topic, compression="gzip") as out:
        messages = [KafkaMessage(f"{number}", key=f"k{number % 5}") for number in range(500)]
        places = out.publish_all(messages)
    assert len(places) == 500
    by_key: dict[int, int] = {}
    for number, place in enumerate(places):
        assert by_key.setdefault(number % 5, place.partition) == place.partition
    found = [message for number in range(3) for message in broker.read(topic, number)]
    assert len(found) == 500
    for key in range(5):
        values = [int(each.value()) for each in found if each.key() == b"k%d" % key]
        assert values == sorted(values)


def test_many_threads(broker, topic):
    places: list[object] = []
    with outgoing(broker, topic=topic) as out:
        threads = [
            threading.Thread(target=lambda: places.extend(out.publish("x") for _ in range(50)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(set(places)) == 400


def test_the_largest_message_and_one_byte_more(broker, topic):
    with outgoing(broker, topic=topic, max_body=900_000) as out:
        out.publish(bytes(900_000), partition=0)
        with pytest.raises(TooLarge, match="900001 bytes; max_body is 900000"):
            out.publish(bytes(900_001))
    assert len(broker.read(topic)[0]) == 900_000


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"headers": {"a": 1}}, r"headers\.a"),
        ({"headers": {1: "a"}}, r"headers\.1"),
        ({"topic": "größe"}, "topic"),
        ({"partition": -3}, "partition"),
        ({"partition": "1"}, "partition"),
        ({"partition": 99}, "partition"),
        ({"key": 1}, "key must be text or bytes"),
        ({"key": "\ud800"}, "key has characters"),
    ],
)
def test_what_cannot_be_sent(broker, topic, arguments, why):
    with outgoing(broker, topic=topic) as out, pytest.raises(Invalid, match=why):
        out.publish("x", **arguments)


def test_a_topic_that_is_missing_is_named_or_created(broker):
    with pytest.raises(Unavailable, match=r"'nowhere' \(the setting topic\)"):
        with outgoing(broker, topic="nowhere"):
            pass
    with outgoing(broker) as out:
        with pytest.raises(Invalid, match="the settings name none"):
            out.publish("x")
        with pytest.raises(Unavailable, match="there is no topic 'nowhere'"):
            out.publish("x", topic="nowhere")
    with outgoing(broker, topic="made-here", declare=True, partitions=2) as out:
        assert out.publish("x", partition=1).partition == 1


def test_messages_get_through_again_after_the_broker_has_forgotten_the_producer(broker, topic):
    """It may refuse what an idempotent producer sends on, which is a fatal error; then core, that
    is told so, puts another object into its place.
    """
    with outgoing(broker, topic=topic) as out, outgoing(broker, topic=topic) as another:
        for number in range(20):
            out.publish(f"{number}", partition=0)
        wait_until(lambda: topic in broker.saved(), 10, "the topic is on the disk")
        broker.kill()
        broker.start()

        def works():
            with contextlib.suppress(HansaError):
                return out.publish("after", partition=0, timeout=1)
            return None if out not in out.server.losses else another.publish("after")

        assert wait_until(works, 15, "a message gets through")
