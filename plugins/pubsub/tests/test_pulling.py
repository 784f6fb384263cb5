"""Messages that are published and pulled: order, priority, acknowledgement, expiry, limits."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hansa import Conflict, Invalid, NotFound, TooLarge, TooMany, Unavailable, Undefined
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_pubsub.message import Message
from hansa_pubsub.publishing import PubSub
from hansa_pubsub.table import pattern_of

from plugins.pubsub.tests.conftest import Workers

pytestmark = pytest.mark.evidence("real_server")


def contents(messages: list[Message]) -> list[Any]:
    return [message.content for message in messages]


def test_each_subscription_has_each_message_until_it_is_acknowledged(workers: Workers):
    workers.subscription("billing")
    workers.subscription("all", "orders.**")
    id = workers.one.publish("orders.new", {"n": 1, "näme": "ü"}, correlation_id="c")
    [billed] = workers.other.get_messages("billing")
    assert (billed.id, billed.content, billed.attempts) == (id, {"n": 1, "näme": "ü"}, 1)
    assert (billed.correlation_id, billed.priority) == ("c", 5)
    assert workers.one.get_messages("billing") == []
    assert workers.one.acknowledge("billing", id) == 1 == workers.one.depth("orders.new")
    assert workers.one.acknowledge("billing", id) == 0
    assert contents(workers.one.get_messages("all")) == [{"n": 1, "näme": "ü"}]
    assert workers.other.acknowledge("all", [id, "none"]) == 1
    assert (workers.one.depth("orders.new"), workers.one.waiting("all")) == (0, 0)


def test_higher_priority_first_and_then_the_order_of_publication(workers: Workers):
    workers.subscription("billing")
    for number, priority in enumerate((5, 1, 9, 5, 9)):
        workers.pubsubs[number % 2].publish("orders.new", number, priority=priority)
    assert contents(workers.one.get_messages("billing", 2)) == [2, 4]
    assert contents(workers.other.get_messages("billing", 10)) == [0, 3, 1]


def test_bytes_are_bytes(workers: Workers):
    workers.subscription("billing")
    workers.one.publish("orders.new", b"\x00\xff", mime_type="image/png")
    [message] = workers.one.get_messages("billing")
    assert (message.content, message.mime_type) == (b"\x00\xff", "image/png")


def test_what_is_not_acknowledged_is_given_out_again_and_fails_in_the_end(workers: Workers):
    workers.subscription("billing", ack_timeout=1, max_attempts=2)
    workers.one.publish("orders.new", 1)
    workers.one.publish("orders.new", 2, priority=1)
    [first] = workers.one.get_messages("billing", 1)
    again: list[Message] = wait_until(lambda: workers.other.get_messages("billing", 1), 30)
    assert [(one.content, one.attempts) for one in again] in ([(1, 2)], [(2, 1)])
    assert first.attempts == 1
    pending = workers.servers[0].pending

    def is_failed() -> bool:
        workers.one.get_messages("billing")
        return any(call.payload["message"]["data"] == 1 for call in pending)

    wait_until(is_failed, 30)
    assert {call.name for call in pending} == {"pubsub.deliver"}


def test_what_is_rejected_comes_again_and_then_fails(workers: Workers):
    workers.subscription("billing", max_attempts=2)
    id = workers.one.publish("orders.new", 1)
    assert workers.one.reject("billing", id) == 0
    for attempt in (1, 2):
        [message] = workers.one.get_messages("billing")
        assert message.attempts == attempt
        assert workers.other.reject("billing", [id], "no such customer") == 1
    assert workers.one.get_messages("billing") == []
    [call] = workers.servers[1].pending
    assert call.payload["subscription"] == "billing"
    assert workers.one.store.counts()["failed billing"] == 1


def test_messages_expire_and_are_counted(workers: Workers):
    workers.topic("short", expiry=1)
    workers.subscription("billing", "**")
    workers.one.publish("short", 1, expiration=10_000)
    workers.one.publish("orders.new", 2, expiration=0.01)
    workers.one.publish("orders.new", 3)

    def is_swept() -> bool:
        workers.one.store.sweep()
        return workers.one.waiting("billing") == 1

    wait_until(is_swept, 30)
    assert contents(workers.one.get_messages("billing")) == [3]
    assert workers.one.depth("short") == 0
    assert workers.one.store.counts()["expired billing"] == 2


def test_a_full_topic_refuses_and_drops_nothing(workers: Workers):
    workers.topic("small", max_depth=2)
    workers.subscription("billing", "small")
    ids = [workers.one.publish("small", number) for number in range(2)]
    with pytest.raises(TooMany, match="max_depth"):
        workers.other.publish("small", 3)
    workers.one.get_messages("billing", 1)
    workers.one.acknowledge("billing", ids[0])
    workers.one.publish("small", 4)
    assert contents(workers.one.get_messages("billing")) == [1, 4]
    workers.topic("heavy", max_size=1, max_message=600_000)
    workers.subscription("heavy", "heavy")
    workers.one.publish("heavy", b"x" * 400_000)
    with pytest.raises(TooMany, match="max_size"):
        workers.one.publish("heavy", b"x" * 400_000)
    with pytest.raises(TooLarge, match="max_message"):
        workers.one.publish("heavy", b"x" * 600_000)


def test_a_message_of_the_same_id_is_published_once(workers: Workers):
    workers.subscription("billing")
    for _ in range(2):
        assert workers.one.publish("orders.new", 1, message_id="mine") == "mine"
    assert workers.one.waiting("billing") == 1


def test_the_id_of_a_message_of_another_topic_is_refused(workers: Workers):
    workers.topic("other")
    workers.subscription("billing", "**")
    workers.one.publish("orders.new", 1, message_id="mine")
    with pytest.raises(Conflict, match="message_id"):
        workers.other.publish("other", 2, message_id="mine")
    assert contents(workers.one.get_messages("billing")) == [1]


def test_a_deleted_subscription_leaves_the_counts_of_a_topic_of_its_name(workers: Workers):
    workers.one.publish("orders.new", 1)
    workers.one.store.forget_counts("orders.new")
    assert workers.one.store.counts()["published orders.new"] == 1


def test_who_subscribes_at_once_in_two_workers_shares_a_subscription(workers: Workers):
    names = {pubsub.subscribe("orders.new") for pubsub in workers.pubsubs}
    assert len(names) == 1
    assert workers.one.subscribe("orders.new") in names
    assert workers.one.subscribe("orders.new", security="partner") not in names


def test_what_nobody_subscribed_to_is_counted_and_not_kept(workers: Workers):
    workers.one.publish("orders.new", 1)
    assert workers.one.depth("orders.new") == 0
    counts = workers.one.store.counts()
    assert counts["unsubscribed orders.new"] == counts["published orders.new"] == 1


def test_what_cannot_be_is_refused(workers: Workers):
    workers.subscription("paused", paused=True)
    workers.subscription("pushed", deliver_to="service", service="a")
    publish = workers.one.publish
    for options in (
        {"priority": 0},
        {"priority": 10},
        {"expiration": 0},
        {"expiration": True},
        {"message_id": "x" * 201},
        {"mime_type": "text/plain\r\nX-Role: admin"},
        {"mime_type": "text/plän"},
    ):
        with pytest.raises(Invalid):
            publish("orders.new", 1, **options)
    for data in (None, object(), float("nan")):
        with pytest.raises(Invalid):
            publish("orders.new", data)
    with pytest.raises(Undefined):
        publish("orders.old", 1)
    for name in ("paused", "pushed"):
        with pytest.raises(Conflict):
            workers.one.get_messages(name)
    with pytest.raises(NotFound):
        workers.one.get_messages("none")
    assert workers.one.waiting("paused") == 0


def test_a_page_has_as_many_bytes_as_asked_for(workers: Workers):
    workers.subscription("billing")
    for _ in range(3):
        workers.one.publish("orders.new", "x" * 1000)
    assert len(workers.one.get_messages("billing", max_bytes=2600)) == 2
    assert len(workers.one.get_messages("billing", max_bytes=1)) == 1


def test_an_emptied_subscription_leaves_nothing(workers: Workers):
    workers.subscription("billing")
    for number in range(3):
        workers.one.publish("orders.new", number)
    workers.one.get_messages("billing", 1)
    assert workers.one.store.empty("billing") == 3
    assert workers.one.depth("orders.new") == 0
    prefix = workers.servers[0].bus.key("pubsub")
    redis = workers.one.store.redis
    found = redis.execute_command("KEYS", f"{prefix}:*")
    left = {key.decode().removeprefix(f"{prefix}:") for key in found}
    assert left == {"counts", "depth", "order", "wake"}


@pytest.mark.parametrize(
    ("pattern", "topics", "others"),
    [
        ("orders.new", ["orders.new"], ["orders.new.x", "ordersXnew", "orders"]),
        ("orders.*", ["orders.new", "orders."], ["orders.new.x", "orders/new", "orders"]),
        ("/zato/**", ["/zato/demo/sample"], ["zato/demo"]),
        ("**", ["anything.at/all"], []),
        ("*.new", ["orders.new"], ["a.b.new"]),
    ],
)
def test_patterns(pattern: str, topics: list[str], others: list[str]):
    found: re.Pattern[str] = pattern_of(pattern)
    assert all(found.fullmatch(topic) for topic in topics)
    assert not any(found.fullmatch(topic) for topic in others)


def test_without_redis_it_says_so():
    pubsub = PubSub(LocalServer())
    with pytest.raises(Unavailable, match="redis"):
        pubsub.depth("orders.new")
