"""What the channel does with messages: acknowledged, tried again, given up, given back."""

from __future__ import annotations

import itertools
import re
import time
from datetime import datetime
from typing import Any

import pika
import pytest
from hansa import Invalid, Request, Unavailable
from hansa_devkit import Inbox
from hansa_devkit.background import in_background
from hansa_devkit.harness.objects import Held, Judged
from hansa_devkit.harness.waiting import wait_until

from plugins.amqp.tests.support import channel

TYPES = pytest.mark.parametrize("type", ["classic", "quorum"])


@pytest.fixture
def make(rabbit):
    """Make the queues of a test."""

    def make(type="classic"):
        rabbit.make("in", "in.dead-letter", type=type)

    make()
    return make


def waiting(rabbit, queue, count, seconds=10):
    wait_until(lambda: rabbit.count(queue) == count, seconds, f"{count} messages in {queue}")


@TYPES
def test_what_is_handled_is_acknowledged(rabbit, make, type):
    make(type)
    inbox = Inbox()
    bodies = [b"%d" % number for number in range(300)]
    rabbit.send("in", *bodies)
    with channel(rabbit, inbox, pool=8, prefetch=16):
        inbox.wait(300, 20)
    assert sorted(request.raw for request in inbox.requests) == sorted(bodies)
    assert rabbit.count("in") == 0
    assert not any(request.extra["redelivered"] for request in inbox.requests)


@TYPES
def test_a_message_that_fails_is_tried_again_until_it_succeeds(rabbit, make, type):
    make(type)
    service = Judged(lambda request: "done" if request.attempt == 3 else "retry")
    with channel(rabbit, service):
        rabbit.send("in", b"message", headers={"Own": "1"}, correlation_id="c", expiration="60000")
        requests = service.inbox.wait(3, 10)
    assert [request.attempt for request in requests] == [1, 2, 3]
    assert len({request.cid for request in requests}) == 1
    assert [request.headers["own"] for request in requests] == ["1"] * 3
    assert requests[2].extra["properties"]["correlation_id"] == "c"
    assert requests[2].extra["origin"] == {"queue": "in", "exchange": "", "routing-key": "in"}
    assert rabbit.count("in") == rabbit.count("in.dead-letter") == 0


@TYPES
def test_after_the_last_attempt_it_is_a_dead_letter_with_cause_and_history(rabbit, make, type):
    make(type)
    service = Judged(lambda request: "retry")
    with channel(rabbit, service, max_attempts=3):
        rabbit.send(
            "in", b"poison", headers={"own": 1}, expiration="60000", app_id="crm", user_id="guest"
        )
        waiting(rabbit, "in.dead-letter", 1)
    assert [request.attempt for request in service.inbox.requests] == [1, 2, 3]
    ((_, properties, body),) = rabbit.read("in.dead-letter")
    headers = properties.headers
    assert body == b"poison"
    assert (properties.app_id, properties.delivery_mode, properties.expiration) == ("crm", 2, None)
    assert headers["own"] == 1
    assert headers["x-hansa-cause"] == "Unavailable: the conformance kit asks for another attempt"
    assert headers["x-hansa-attempts"] == 3
    assert headers["x-hansa-cid"] == service.inbox.requests[0].cid
    assert (
        headers["x-hansa-queue"],
        headers["x-hansa-routing-key"],
        headers["x-hansa-channel"],
    ) == (
        "in",
        "in",
        "test",
    )
    first, last = (datetime.fromisoformat(headers[f"x-hansa-{name}"]) for name in ("first", "last"))
    assert 0 <= (datetime.now(last.tzinfo) - last).total_seconds() < 60
    assert first < last
    assert [line.split()[2] for line in headers["x-hansa-history"]] == ["1:", "2:", "3:"]
    assert rabbit.count("in") == 0


def test_the_pause_grows_up_to_its_limit(rabbit, make):
    moments: list[float] = []

    def judge(request: Request) -> str:
        moments.append(time.monotonic())
        return "retry"

    service = Judged(judge)
    with channel(rabbit, service, max_attempts=5, first_delay=0.2, last_delay=0.4):
        rabbit.send("in", b"poison")
        waiting(rabbit, "in.dead-letter", 1)
    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    for pause, expected in zip(pauses, [0.2, 0.4, 0.4, 0.4], strict=True):
        assert expected <= pause < expected + 1.5


@TYPES
def test_a_message_that_is_rejected_is_a_dead_letter_at_once(rabbit, make, type):
    make(type)
    inbox = Inbox("reject")
    with channel(rabbit, inbox):
        rabbit.send("in", b"malformed")
        waiting(rabbit, "in.dead-letter", 1)
    ((_, properties, body),) = rabbit.read("in.dead-letter")
    assert len(inbox.requests) == 1
    assert (body, properties.headers["x-hansa-cause"]) == (
        b"malformed",
        "Invalid: the conformance kit rejects this message",
    )


def test_dead_letters_may_go_through_an_exchange(rabbit, make):
    rabbit.make("morgue")
    with rabbit.broker() as other:
        other.exchange_declare("morgues", "topic")
        other.queue_bind("morgue", "morgues", "of.#")
    with channel(
        rabbit, Inbox("reject"), dead_letter_exchange="morgues", dead_letter_routing_key="of.orders"
    ):
        rabbit.send("in", b"bad")
        waiting(rabbit, "morgue", 1)
    assert rabbit.count("in.dead-letter") == 0


def test_a_dead_letter_that_nobody_takes_stays_in_the_queue(rabbit, make):
    with channel(
        rabbit,
        Inbox("reject"),
        dead_letter_exchange="amq.direct",
        dead_letter_routing_key="nowhere",
    ) as one:
        rabbit.send("in", b"bad")
        error = wait_until(lambda: one.server.losses.get(one), 10, "the channel is lost")
    assert "no queue takes what is sent to exchange 'amq.direct' with key 'nowhere'" in str(error)
    assert [body for _, _, body in rabbit.read("in")] == [b"bad"]


def test_services_see_headers_and_properties(rabbit, make):
    inbox = Inbox()
    properties = {
        "type": "order",
        "priority": 3,
        "content_type": "text/plain",
        "correlation_id": "c-1",
        "reply_to": "answers",
        "message_id": "m",
        "timestamp": 12,
    }
    with channel(rabbit, inbox, consumer_tag="mine"):
        headers = {"Text": "a", "Number": 7, "Bytes": b"\xff", "Table": {"a": [1]}}
        rabbit.send("in", b"x", headers=headers, **properties)
        (request,) = inbox.wait(1, 10)
    assert request.headers == {"text": "a", "number": "7", "bytes": "\ufffd", "table": '{"a": [1]}'}
    assert request.extra["headers"]["Number"] == 7
    assert request.extra["headers"]["Table"] == {"a": [1]}
    assert request.extra["properties"] == {**properties, "delivery_mode": 2}
    assert request.extra["consumer_tag"].startswith("mine.")
    assert request.extra["redelivered"] is False


def test_the_correlation_id_of_the_sender_is_taken_over(rabbit, make):
    inbox = Inbox()
    with channel(rabbit, inbox):
        rabbit.send("in", b"1", headers={"x-hansa-cid": "abc-1"})
        rabbit.send("in", b"2", headers={"x-hansa-cid": "no good\n"})
        rabbit.send("in", b"3", headers={"x-hansa-cid": 7})
        inbox.wait(3, 10)
    cids = {request.raw: request.cid for request in inbox.requests}
    assert cids[b"1"] == "abc-1"
    assert all(len(cids[raw]) == 28 for raw in (b"2", b"3"))


@TYPES
def test_queues_exchange_and_binding_are_declared(rabbit, type):
    with rabbit.broker() as other:
        for queue in ("made", "made.dead-letter"):
            other.queue_delete(queue)
        other.exchange_delete("making")
    inbox = Inbox()
    settings = {
        "declare": type,
        "exchange": "making",
        "exchange_type": "topic",
        "routing_key": "a.*",
    }
    for _ in range(2):  # the second time they are there
        with channel(rabbit, inbox, "made", **settings), rabbit.broker() as other:
            other.basic_publish("making", "a.b", b"routed")
            (request, *_) = inbox.wait(1, 10)
    assert request.extra["origin"] == {"queue": "made", "exchange": "making", "routing-key": "a.b"}
    listed = rabbit.control("list_queues", "--no-table-headers", "name", "type", "durable")
    for queue in ("made", "made.dead-letter"):
        assert [queue, type, "true"] in [line.split("\t") for line in listed.splitlines()]


ARGUMENTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"declare": "classic", "max_priority": 5, "message_ttl": 90.5, "max_length": 1000},
        {"x-max-priority": 5, "x-message-ttl": 90500, "x-max-length": 1000},
    ),
    (
        {"declare": "classic", "queue_arguments": {"x-overflow": "reject-publish"}},
        {"x-overflow": "reject-publish"},
    ),
    (
        {
            "declare": "quorum",
            "delivery_limit": 7,
            "broker_dead_letter_exchange": "",
            "broker_dead_letter_routing_key": "dropped",
        },
        {
            "x-delivery-limit": 7,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "dropped",
        },
    ),
]


@pytest.mark.parametrize(("settings", "arguments"), ARGUMENTS)
def test_a_queue_is_declared_with_its_arguments(rabbit, settings, arguments):
    with rabbit.broker() as other:
        for queue in ("argued", "argued.dead-letter"):
            other.queue_delete(queue)
    for _ in range(2):  # the second time it is there
        with channel(rabbit, Inbox(), "argued", **settings):
            pass
    with rabbit.broker() as other:  # RabbitMQ refuses any other arguments
        expected = {"x-queue-type": settings["declare"], **arguments}
        other.queue_declare("argued", durable=True, arguments=expected)


@pytest.mark.parametrize(
    ("settings", "argument"),
    [
        ({"max_priority": 5}, "inequivalent arg 'x-max-priority' for queue 'plain'"),
        ({"message_ttl": 1}, "inequivalent arg 'x-message-ttl' for queue 'plain'"),
        ({"queue_arguments": {"x-expires": 9000}}, "inequivalent arg 'x-expires'"),
        ({"queue_arguments": {"x-max-length-bytes": "many"}}, "arg 'x-max-length-bytes'"),
    ],
)
def test_an_argument_that_an_existing_queue_has_otherwise_is_named(rabbit, settings, argument):
    rabbit.make("plain")
    with (
        pytest.raises(Unavailable, match=re.escape(argument)),
        channel(rabbit, Inbox(), "plain", declare="classic", **settings),
    ):
        pass


@pytest.mark.parametrize(
    ("settings", "faulty"),
    [
        ({"max_priority": 5, "message_ttl": 1}, {"max_priority", "message_ttl"}),
        ({"queue_arguments": {"x-overflow": "drop-head"}}, {"queue_arguments"}),
        ({"declare": "quorum", "max_priority": 5}, {"max_priority"}),
        ({"declare": "classic", "delivery_limit": 5}, {"delivery_limit"}),
        (
            {"declare": "classic", "broker_dead_letter_routing_key": "k"},
            {"broker_dead_letter_exchange"},
        ),
        (
            {"declare": "classic", "queue_arguments": {"x-message-ttl": 1, "n" * 256: 1}},
            {"queue_arguments.x-message-ttl", f"queue_arguments.{'n' * 256}"},
        ),
    ],
)
def test_arguments_that_cannot_work_are_refused_by_setting(rabbit, settings, faulty):
    with pytest.raises(Invalid) as raised, channel(rabbit, Inbox(), **settings):
        pass
    assert len(raised.value.errors) == len(faulty)
    assert {name[:100] for name in raised.value.errors} == {name[:100] for name in faulty}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"queue": "not-there"},
            "NOT_FOUND - no queue 'not-there' in vhost '/'; check the settings queue and exchange",
        ),
        ({"dead_letter_routing_key": "not-there"}, "NOT_FOUND - no queue 'not-there' in vhost '/'"),
        (
            {"declare": "quorum"},
            "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'in'",
        ),
        ({"vhost": "nowhere"}, "check the setting vhost"),
        ({"password": "wrong"}, "check the settings username and password"),
        ({"username": "nobody"}, "check the settings username and password"),
        ({"host": "no-such-host.invalid"}, "check the setting host"),
        ({"port": 1}, "check the settings host and port"),
        ({"tls": True}, "check the setting port, or set tls to false"),
    ],
)
def test_what_keeps_it_from_starting_is_told(rabbit, make, settings, told):
    with (
        pytest.raises(Unavailable) as raised,
        channel(rabbit, Inbox(), **{"queue": "in", **settings}),
    ):
        pass
    assert told in raised.value.detail


def test_a_user_without_permissions_is_told_which_settings_to_check(rabbit, make):
    rabbit.control("add_user", "visitor", "visiting")
    rabbit.control("set_permissions", "visitor", "^$", "^$", "^$")
    with (
        pytest.raises(Unavailable, match="the user needs permissions for it there"),
        channel(rabbit, Inbox(), username="visitor", password="visiting"),
    ):
        pass


def test_a_queue_that_is_deleted_is_noticed(rabbit, make):
    with channel(rabbit, Inbox()) as one, rabbit.broker() as other:
        other.queue_delete("in")
        error = wait_until(lambda: one.server.losses.get(one), 10, "the channel is lost")
    assert "the queue 'in' is gone" in str(error)


def test_a_slow_message_holds_up_no_acknowledgement_of_others(rabbit, make):
    service = Held(lambda request: request.raw == b"slow")
    rabbit.send("in", b"slow", *[b"%d" % number for number in range(50)])
    with channel(rabbit, service, pool=2, prefetch=5):
        service.inbox.wait(51, 20)
        wait_until(
            lambda: unacknowledged(rabbit) == 1,
            10,
            lambda: f"all but the slow one are acknowledged, {unacknowledged(rabbit)} are not",
        )
        service.going.set()
    assert rabbit.count("in") == 0


def test_stop_gives_back_what_was_not_begun_before_it_waits(rabbit, make):
    service = Held()
    rabbit.send("in", *[b"%d" % number for number in range(10)])
    with channel(rabbit, service, pool=2, prefetch=10) as one:
        service.inbox.wait(2, 10)
        stopping = in_background(one.stop)
        waiting(rabbit, "in", 8)
        assert not stopping.done()
        service.going.set()
        stopping.result(10)
    found = rabbit.read("in")
    assert len(service.inbox.requests) == 2
    assert {body for _, _, body in found}.isdisjoint(
        request.raw for request in service.inbox.requests
    )


def test_redelivery_is_visible_and_counted(rabbit, make):
    with rabbit.broker() as other:  # takes the message and goes away
        rabbit.send("in", b"lost")
        wait_until(lambda: other.basic_get("in")[0], 10)
    inbox = Inbox()
    with channel(rabbit, inbox):
        (request,) = inbox.wait(1, 10)
    assert (request.extra["redelivered"], request.attempt) == (True, 2)


def unacknowledged(rabbit) -> int:
    lines = rabbit.control(
        "list_queues", "--no-table-headers", "name", "messages_unacknowledged"
    ).splitlines()
    return int(dict(line.split("\t") for line in lines)["in"])


def test_two_channels_share_a_queue(rabbit, make):
    first, second = Inbox(), Inbox()
    with channel(rabbit, first, prefetch=2), channel(rabbit, second, prefetch=2):
        rabbit.send("in", *[b"%d" % number for number in range(100)])
        wait_until(lambda: len(first.requests) + len(second.requests) == 100, 10, "all arrived")
    assert len(first.requests) > 10
    assert len(second.requests) > 10


def test_pika_alone_finds_nothing_odd_in_a_copy(rabbit, make):
    """What another consumer of the same queue gets between attempts is an ordinary message."""
    with channel(rabbit, Inbox("retry"), first_delay=0.5, max_attempts=10) as one:
        rabbit.send("in", b"again", content_type="text/plain")
        wait_until(lambda: one.dispatch.requests, 10)
        one.stop()
    (found,) = rabbit.read("in")
    assert isinstance(found[1], pika.BasicProperties)
    assert (found[2], found[1].content_type) == (b"again", "text/plain")
