"""Messages that are pushed to services and HTTP: in order, once each if all goes well, again if not,
and with the failed messages in the end.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Invalid, Misused, Request, Unavailable
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.local.named import LocalOutgoing
from hansa_pubsub.early import PubSubSection
from hansa_pubsub.failing import SERVICE
from hansa_pubsub.pushing import Pusher
from hansa_pubsub.store import Store

from plugins.pubsub.tests.conftest import Workers

pytestmark = pytest.mark.evidence("real_server")
QUICK: dict[str, Any] = {"first_delay": 0.02, "last_delay": 0.02}


def test_two_workers_share_a_subscription_and_keep_its_order(workers: Workers):
    workers.service("billing", workers.note)
    workers.subscription("billing", deliver_to="service", service="billing")
    workers.push()
    for number in range(200):
        workers.pubsubs[number % 2].publish("orders.new", number)
    wait_until(lambda: len(workers.seen) == 200, 60)
    assert workers.seen == list(range(200))
    counts = workers.one.store.counts()
    assert (counts["delivered billing"], counts["count orders.new"]) == (200, 0)


def test_with_parallel_several_are_in_hand(workers: Workers):
    together = threading.Barrier(3)

    def wait(payload: Any) -> None:
        together.wait(30)
        workers.note(payload)

    workers.service("billing", wait)
    workers.subscription("billing", deliver_to="service", service="billing", parallel=3)
    for number in range(6):
        workers.one.publish("orders.new", number)
    workers.push()
    wait_until(lambda: len(workers.seen) == 6, 60)
    assert sorted(workers.seen) == list(range(6))


def test_what_fails_is_tried_again_before_what_comes_after_it(workers: Workers):
    def fail_twice(payload: Any) -> None:
        workers.note(payload)
        if payload == 1 and workers.seen.count(1) < 3:
            raise Unavailable("not now")

    workers.service("billing", fail_twice)
    workers.subscription("billing", deliver_to="service", service="billing", **QUICK)
    for number in range(3):
        workers.one.publish("orders.new", number)
    workers.push()
    wait_until(lambda: len(workers.seen) == 5, 60)
    assert workers.seen == [0, 1, 1, 1, 2]
    wait_until(lambda: workers.one.store.counts().get("delivered billing") == 3, 30)
    assert workers.one.store.counts()["retried billing"] == 2


def test_what_cannot_be_delivered_is_kept_with_its_cause(workers: Workers):
    def refuse(payload: Any) -> None:
        workers.note(payload)
        if payload == "never":
            raise Unavailable("out of order")
        if payload == "wrong":
            raise Invalid("no such customer: caf\udce9.txt")

    workers.service("billing", refuse)
    workers.subscription(
        "billing", deliver_to="service", service="billing", max_attempts=2, **QUICK
    )
    for data in ("never", "wrong", "good"):
        workers.one.publish("orders.new", data)
    workers.push()
    wait_until(lambda: "good" in workers.seen, 60)
    assert workers.seen == ["never", "never", "wrong", "good"]
    pending = [call for server in workers.servers for call in server.pending]
    causes = {call.payload["message"]["data"]: outcome(workers, call) for call in pending}
    assert "out of order" in causes["never"] and "no such customer: caf" in causes["wrong"]
    # the cause removed, a replay delivers it
    workers.service("billing", workers.note)
    for call in pending:
        assert outcome(workers, call) == ""
    assert sorted(workers.seen[4:]) == ["never", "wrong"]
    wait_until(lambda: workers.one.depth("orders.new") == 0, 30)
    assert workers.one.store.counts()["failed billing"] == 2


def test_a_replay_brings_a_message_back_that_another_subscription_still_has(workers: Workers):
    workers.subscription("billing", max_attempts=1)
    workers.subscription("archive")
    id = workers.one.publish("orders.new", 1)
    assert workers.one.get_messages("billing")
    workers.one.reject("billing", id)
    [call] = workers.servers[0].pending
    assert "rejected" in outcome(workers, call)
    for _ in range(2):
        assert outcome(workers, call) == ""
    for name in ("billing", "archive"):
        [message] = workers.one.get_messages(name)
        assert (message.content, message.attempts) == (1, 1)
        assert workers.one.depth("orders.new") == 1
        workers.one.acknowledge(name, id)
    assert workers.one.depth("orders.new") == 0


def outcome(workers: Workers, call: Any) -> str:
    """Return what a queued call fails with, as the queue would carry it out; empty if it does not."""
    response = workers.servers[0].handle(SERVICE, Request(payload=call.payload, cid=call.cid))
    return "" if response.ok else str(response.error)


def test_messages_go_to_an_outgoing_connection(workers: Workers):
    answers = [500, 422, 200]
    sent: list[tuple[str, bytes, dict[str, str]]] = []

    class Connection:
        def request(self, method: str, data: bytes, *, headers: dict[str, str], cid: str) -> Any:
            sent.append((method, data, headers))
            status = answers.pop(0) if answers else 200
            return SimpleNamespace(status=status, ok=status < 400)

    for server in workers.servers:
        server.outgoing = LocalOutgoing({"http": {"partner": Connection()}})
    settings = {"deliver_to": "http", "outgoing": "partner", "method": "PUT", **QUICK}
    workers.subscription("partner", **settings)
    workers.one.publish("orders.new", {"n": "ü"})
    workers.one.publish("orders.new", b"raw", mime_type="text/plain")
    workers.push()
    wait_until(lambda: len(sent) == 3, 60)
    wait_until(lambda: workers.one.depth("orders.new") == 0, 30)
    assert [body for _, body, _ in sent] == [b'{"n":"\xc3\xbc"}', b'{"n":"\xc3\xbc"}', b"raw"]
    assert sent[0][0] == "PUT" and sent[0][2]["X-Hansa-Topic"] == "orders.new"
    assert (sent[0][2]["Content-Type"], sent[2][2]["Content-Type"]) == (
        "application/json",
        "text/plain",
    )
    assert workers.one.store.counts()["failed partner"] == 1


def test_services_see_messages_before_they_are_published_and_pushed(workers: Workers):
    def before(payload: Any) -> Any:
        data = payload["message"]["data"]
        if data in ("secret", f"{payload['phase']} no"):
            return False
        if payload["phase"] == "before_publish" and data == "low":
            return {"data": "high", "priority": 9}
        if data == "fault":
            return {"id": "other"}
        return None

    workers.service("before", before)
    workers.service("billing", workers.note)
    workers.topic("orders.new", before_publish="before", before_delivery="before")
    workers.subscription("billing", deliver_to="service", service="billing")
    publish = workers.one.publish
    assert publish("orders.new", "secret") == ""
    publish("orders.new", "first")
    publish("orders.new", "before_delivery no")
    publish("orders.new", "low")
    with pytest.raises(Exception, match="which stay as they are"):
        publish("orders.new", "fault")
    workers.push()
    wait_until(lambda: workers.one.depth("orders.new") == 0, 60)
    assert workers.seen == ["high", "first"]
    assert workers.one.store.counts()["skipped billing"] == 1


@pytest.mark.parametrize("priority", [7.0, True, "7", None, 0, 10])
def test_a_priority_that_no_message_can_have_is_refused(workers: Workers, priority: object):
    workers.service("before", lambda payload: {"priority": priority})
    workers.topic("orders.new", before_publish="before")
    workers.subscription("billing")
    with pytest.raises(Misused, match="a priority that is no whole number from 1 to 9"):
        workers.one.publish("orders.new", 1)
    assert workers.one.get_messages("billing") == []


def test_a_subscription_that_always_has_messages_leaves_others_their_turn(workers: Workers):
    is_over = threading.Event()

    def publish_again(payload: Any) -> None:
        workers.note(payload)
        if payload == "busy" and not is_over.is_set():
            workers.one.publish("busy", "busy")

    workers.service("billing", publish_again)
    for name in ("busy", "quiet"):
        workers.topic(name)
        workers.subscription(name, name, deliver_to="service", service="billing")
    for topic in ("busy", "busy", "quiet"):
        workers.one.publish(topic, topic)
    only = Pusher(workers.servers[0], workers.one, PubSubSection(threads=1))
    workers.pushers.append(only)
    only.start()
    try:
        wait_until(lambda: "quiet" in workers.seen, 60)
    finally:
        is_over.set()


def test_a_worker_that_stands_still_is_fenced_off(workers: Workers):
    workers.subscription("billing", deliver_to="service", service="billing")
    workers.one.publish("orders.new", 1)
    take = {"messages": 1, "bytes": 1, "at_once": 1}
    one: Store = workers.one.store
    [late] = one.take("billing", "late", seconds=0.01, **take)
    wait_until(lambda: workers.other.store.take("billing", "new", seconds=60, **take), 30)
    assert not one.settle("billing", late.message.id, "late")
    assert one.again("billing", late.message.id, 0, "late") == 0
    one.hold([late], 0)
    assert one.take("billing", "third", seconds=60, **take) == []
    assert workers.other.store.settle("billing", late.message.id, "new")
    assert one.counts()["late billing"] == 2


def test_a_late_worker_puts_nothing_with_the_failed_messages(workers: Workers):
    workers.subscription("billing", deliver_to="service", service="billing")
    workers.one.publish("orders.new", 1)
    take = {"messages": 1, "bytes": 1, "at_once": 1}
    [late] = workers.one.store.take("billing", "late", seconds=0.01, **take)
    found = wait_until(lambda: workers.other.store.take("billing", "new", seconds=60, **take), 30)
    config = workers.one.subscription("billing").config
    only = Pusher(workers.servers[0], workers.one, PubSubSection())
    only._give_up(config, late, "it failed")
    assert workers.servers[0].pending == []
    only._give_up(config, found[0], "it failed")
    assert len(workers.servers[0].pending) == 1


def test_what_is_in_hand_is_held_while_its_subscription_is_paused(workers: Workers):
    begun, may_end = threading.Event(), threading.Event()

    def wait(payload: Any) -> None:
        begun.set()
        may_end.wait(60)

    settings = {"deliver_to": "service", "service": "billing"}
    workers.service("billing", wait)
    workers.subscription("billing", **settings)
    workers.push(lease=1.0)
    id = workers.one.publish("orders.new", 1)
    try:
        assert begun.wait(30)
        workers.subscription("billing", paused=True, **settings)
        redis, key = workers.one.store.redis, workers.servers[0].bus.key("pubsub")
        ends = [float(redis.execute_command("ZSCORE", f"{key}:taken:billing", id))]

        def is_held_anew() -> bool:
            now = float(redis.execute_command("ZSCORE", f"{key}:taken:billing", id))
            if now > ends[-1]:
                ends.append(now)
            return len(ends) > 4

        wait_until(is_held_anew, 30)
    finally:
        may_end.set()


def test_the_end_of_a_worker_waits_for_no_redis(workers: Workers, monkeypatch: pytest.MonkeyPatch):
    begun, may_end = threading.Event(), threading.Event()

    def wait(payload: Any) -> None:
        begun.set()
        may_end.wait(60)

    def hold(deliveries: Any, seconds: float) -> int:
        raise Unavailable("Redis is away")

    workers.service("billing", wait)
    workers.subscription("billing", deliver_to="service", service="billing")
    workers.push(lease=0.1)
    workers.one.publish("orders.new", 1)
    try:
        assert begun.wait(30)
        for pubsub in workers.pubsubs:
            monkeypatch.setattr(pubsub.store, "hold", hold)
        for pusher in workers.pushers:
            pusher.stop(0.3)
            assert pusher._watch is None
    finally:
        may_end.set()
        monkeypatch.undo()


def test_a_message_that_ends_each_worker_fails_in_the_end(workers: Workers):
    workers.service("billing", workers.note)
    workers.subscription("billing", deliver_to="service", service="billing", max_attempts=1)
    workers.one.publish("orders.new", "deadly")
    workers.one.publish("orders.new", "good")
    take = {"messages": 1, "bytes": 1, "at_once": 1}
    assert workers.one.store.take("billing", "killed", seconds=0.01, **take)
    workers.push()
    wait_until(lambda: workers.seen == ["good"], 60)
    [call] = [call for server in workers.servers for call in server.pending]
    assert "the worker ended" in outcome(workers, call)


def test_a_paused_subscription_collects(workers: Workers):
    workers.service("billing", workers.note)
    settings = {"deliver_to": "service", "service": "billing"}
    workers.subscription("billing", paused=True, **settings)
    workers.push()
    workers.one.publish("orders.new", 1)
    assert (workers.seen, workers.one.waiting("billing")) == ([], 1)
    workers.subscription("billing", **settings)
    wait_until(lambda: workers.seen == [1], 60)


def test_what_is_published_while_a_subscription_is_deleted_does_not_stay(workers: Workers):
    workers.subscription("late")
    workers.push()
    workers.one.store.empty("late")
    for number in range(3):
        workers.other.publish("orders.new", number)
    for pubsub in workers.pubsubs:
        pubsub.table.drop_subscription(pubsub.table.subscriptions["late"].owner, "late")
    wait_until(lambda: workers.one.depth("orders.new") == 0, 30)
    wait_until(lambda: not any(pubsub.table.dropped for pubsub in workers.pubsubs), 30)


def test_a_subscription_that_is_still_defined_keeps_its_messages(workers: Workers):
    workers.subscription("late")
    workers.one.publish("orders.new", 1)
    for server in workers.servers:
        server.definitions.exists = lambda kind, type, name: True  # type: ignore[method-assign]  # it is back
    workers.push()
    for pubsub in workers.pubsubs:
        pubsub.table.drop_subscription(pubsub.table.subscriptions["late"].owner, "late")
    wait_until(lambda: not any(pubsub.table.dropped for pubsub in workers.pubsubs), 30)
    assert workers.one.depth("orders.new") == 1
