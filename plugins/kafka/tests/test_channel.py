"""What the channel does with messages: handled in order, committed, tried again, given up, shared."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Consumer
from hansa import Invalid, Request, Unavailable
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.harness.objects import Held, Judged
from hansa_devkit.harness.waiting import wait_until

from plugins.kafka.tests.brokers import Tansu
from plugins.kafka.tests.support import channel


@pytest.fixture
def topic(broker):
    return broker.topic()


def committed(broker, topic, count, partitions=(0,)):
    wait_until(
        lambda: broker.committed(topic, "g", partitions) == count, 10, f"{count} are committed"
    )


def dead(broker, topic, count):
    found: list[Any] = []

    def there():
        found[:] = broker.read(f"{topic}.dead-letter")
        return len(found) == count

    wait_until(there, 15, f"{count} dead letters")
    return found


def headers(message):
    return {name: value.decode() for name, value in message.headers()}


def test_messages_of_a_partition_are_handled_in_order_and_committed(broker, topic):
    inbox = Inbox()
    bodies = [b"%d" % number for number in range(3000)]
    broker.send(topic, *bodies)
    with channel(broker, inbox, topic, prefetch=200):
        inbox.wait(3000, 60)
        committed(broker, topic, 3000)
    assert [request.raw for request in inbox.requests] == bodies
    first = inbox.requests[0]
    assert (first.extra["topic"], first.extra["partition"], first.extra["offset"]) == (topic, 0, 0)
    assert datetime.fromisoformat(first.extra["timestamp"]).tzinfo is UTC
    with channel(broker, inbox, topic):
        broker.send(topic, b"next")
        assert inbox.wait(3001, 60)[-1].raw == b"next"


def test_nothing_is_committed_before_the_service_has_succeeded(broker, topic):
    held = Held()
    broker.send(topic, b"one", b"two")
    with channel(broker, held, topic):
        held.inbox.wait(1, 60)
        assert not held.inbox.has(2, 0.5), "the second one has begun before the first has ended"
        assert broker.committed(topic, "g") == 0
        held.going.set()
        committed(broker, topic, 2)


def test_a_message_that_fails_is_tried_again_and_holds_up_its_partition(broker, topic):
    service = Judged(lambda request: "done" if request.attempt == 3 else "retry")
    with channel(broker, service, topic):
        broker.send(topic, "Grüße".encode(), headers={"Own": "мир"}, key="ключ".encode())
        requests = service.inbox.wait(3, 60)
        committed(broker, topic, 1)
    assert [request.attempt for request in requests] == [1, 2, 3]
    assert len({request.cid for request in requests}) == 1
    assert requests[0].headers["own"] == "мир"
    assert requests[0].extra["key"] == "ключ"


def test_after_the_last_attempt_it_is_a_dead_letter_with_cause_and_history(broker, topic):
    service = Judged(lambda request: "retry" if request.raw == b"poison" else "done")
    with channel(broker, service, topic, max_attempts=3):
        own = [("Own", b"1"), ("own", b"\xff"), ("own", None)]
        broker.send(topic, b"poison", headers=own, key=b"\x00key")
        broker.send(topic, b"after it")
        (message,) = dead(broker, topic, 1)
        committed(broker, topic, 2)
    assert (message.value(), message.key()) == (b"poison", b"\x00key")
    assert message.headers()[:3] == own
    found = {name: value.decode() for name, value in message.headers()[3:]}
    assert found["x-hansa-cause"] == "Unavailable: the conformance kit asks for another attempt"
    assert (found["x-hansa-attempts"], found["x-hansa-topic"]) == ("3", topic)
    assert (found["x-hansa-partition"], found["x-hansa-offset"]) == ("0", "0")
    assert [line.split()[2] for line in json.loads(found["x-hansa-history"])] == ["3:"]
    assert found["x-hansa-first"] <= found["x-hansa-last"]
    assert [request.raw for request in service.inbox.requests] == [b"poison"] * 3 + [b"after it"]


def test_what_is_rejected_is_a_dead_letter_at_once(broker, topic):
    with channel(broker, Inbox("reject"), topic):
        broker.send(topic, b"malformed")
        (message,) = dead(broker, topic, 1)
    assert headers(message)["x-hansa-attempts"] == "1"


def test_the_largest_message_is_handled_and_one_byte_more_is_a_dead_letter(broker, topic):
    inbox = Inbox()
    with channel(broker, inbox, topic, max_body=500_000):
        broker.send(topic, bytes(500_001), bytes(500_000))
        assert len(inbox.wait(1, 60)[0].raw) == 500_000
        (message,) = dead(broker, topic, 1)
    assert "500001 bytes; max_body is 500000" in headers(message)["x-hansa-cause"]


def test_a_batch_is_a_list_and_one_bad_message_of_it_is_given_up_alone(broker, topic):
    def judge(request: Request) -> str:
        values = [one["value"] for one in request.payload]
        return "reject" if "bad" in values else "done"

    service = Judged(judge)
    broker.send(topic, *[b"%d" % number for number in range(7)], b"bad", b"\xff", b"end")
    with channel(broker, service, topic, batch=5):
        (message,) = dead(broker, topic, 1)
        committed(broker, topic, 10)
    assert message.value() == b"bad"
    taken = [[one["value"] for one in request.payload] for request in service.inbox.requests]
    assert taken[0] == ["0", "1", "2", "3", "4"]
    handled = [value for values in taken if "bad" not in values for value in values]
    assert handled == ["0", "1", "2", "3", "4", "5", "6", b"\xff", "end"]


def change_hands(broker, **settings):
    """One member, then two, then one, then two again, while messages come; what was sent, and what
    was handled.
    """
    topic = broker.topic(partitions=4)
    first, second, third, done = Inbox(), Inbox(), Inbox(), threading.Event()
    sent: list[bytes] = []

    def send():
        while not done.is_set():
            body = b"%d" % len(sent)
            broker.send(topic, body, key=body)
            sent.append(body)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with channel(broker, first, topic, **settings):
            first.wait(20, 60)
            with channel(broker, second, topic, **settings):
                second.wait(20, 60)
            with channel(broker, third, topic, **settings):
                third.wait(20, 60)
                done.set()
                sender.join()
            wait_until(
                lambda: broker.committed(topic, "g", range(4)) == len(sent), 30, "all is committed"
            )
    finally:
        done.set()
        sender.join()
    return sent, [each for one in (first, second, third) for each in one.requests]


@pytest.mark.proof
def test_partitions_change_hands_under_load_and_each_message_is_delivered_once(real_server):
    """Tansu waits for the members of a group, as Kafka does; noida-db assigns over their heads."""
    sent, handled = change_hands(real_server(Tansu))
    assert sorted(request.raw for request in handled) == sorted(sent)


def test_what_takes_longer_than_the_wait_is_delivered_to_the_other_member(broker, topic):
    first, second, server = Held(), Inbox(), LocalServer()
    broker.send(topic, b"slow")
    with channel(broker, first, topic, server) as one:
        first.inbox.wait(1, 60)
        stopper = threading.Thread(target=one.group.leave)
        stopper.start()
        with channel(broker, second, topic, server):
            (request,) = second.wait(1, 60)
        first.going.set()
        stopper.join()
    assert (request.raw, request.extra["redelivered"], request.attempt) == (b"slow", True, 2)


def test_a_group_begins_where_the_settings_say(broker, topic):
    broker.send(topic, b"old")
    inbox = Inbox()
    with channel(broker, inbox, topic, group="late", start_at="latest"):
        wait_until(lambda: broker.committed(topic, "late") == 1, 10, "it begins at the end")
    broker.send(topic, b"while nobody consumes")
    with channel(broker, inbox, topic, group="late", start_at="latest"):
        assert inbox.wait(1, 60)[0].raw == b"while nobody consumes"


def test_it_seeks_once_for_each_value(broker, topic):
    server = LocalServer()
    broker.send(topic, b"one", b"two")
    wait_until(lambda: datetime.now(UTC).microsecond < 900_000)
    then = datetime.now(UTC)
    wait_until(lambda: (datetime.now(UTC) - then).total_seconds() > 0.05)
    broker.send(topic, b"three")
    inbox = Inbox()

    def consumed(count, **settings):
        before = len(inbox.requests)
        with channel(broker, inbox, topic, server, **settings):
            inbox.wait(before + count, 60)
            committed(broker, topic, 3)
            assert not inbox.has(before + count + 1, 0.3)
        return [request.raw for request in inbox.requests[before:]]

    assert consumed(3) == [b"one", b"two", b"three"]
    assert consumed(3, seek="earliest") == [b"one", b"two", b"three"]
    assert consumed(0, seek="earliest") == []
    assert consumed(1, seek=then.isoformat()) == [b"three"]


def test_topics_that_are_missing_are_named_or_created(broker):
    with pytest.raises(Unavailable) as told, channel(broker, Inbox(), "not-there"):
        pass
    assert "'not-there' (the setting topics)" in str(told.value)
    assert "'not-there.dead-letter' (the setting dead_letter_topic)" in str(told.value)
    inbox = Inbox()
    with channel(broker, inbox, "declared", declare=True, partitions=3):
        broker.send("declared", b"x", partition=2)
        inbox.wait(1, 60)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"topics": []}, "topics"),
        ({"topics": ["größe"]}, r"topics\[0\]"),
        ({"start_at": "sometime"}, "start_at"),
        ({"seek": "2026-11-30"}, "seek"),
        ({"servers": ["kafka"]}, r"servers\[0\]"),
        ({"dead_letter_topic": "a", "topics": ["a"]}, "dead_letter_topic"),
    ],
)
def test_settings_that_cannot_be(broker, settings, name):
    with pytest.raises(Invalid, match=name), channel(broker, Inbox(), "a", **settings):
        pass


def test_a_group_may_have_any_name(broker, topic):
    inbox = Inbox()
    broker.send(topic, b"x")
    with channel(broker, inbox, topic, group="Größe мир"):
        inbox.wait(1, 60)


def test_a_member_that_its_group_does_not_admit_says_so_until_it_is_admitted(broker):
    topic, server, inbox = broker.topic(), LocalServer(), Inbox()
    assigned: list[Any] = []
    other = Consumer(broker.client(**{"group.id": "held up"}))
    try:
        other.subscribe([topic], on_assign=lambda consumer, found: assigned.append(found))
        wait_until(lambda: other.poll(0.1) is None and bool(assigned), 30)
        # it is not polled from now on: a rebalance waits for it
        settings: Any = {"group": "held up", "revoke_wait": 0.5}
        with channel(broker, inbox, topic, server, **settings) as one:
            wait_until(lambda: "'held up'" in server.objects.troubles.get(one, ""), 60)
            other.close()
            wait_until(lambda: one not in server.objects.troubles, 60)
            broker.send(topic, b"message")
            assert inbox.wait(1, 60)
    finally:
        other.close()
