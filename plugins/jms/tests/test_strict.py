"""What RabbitMQ does not have over AMQP 1.0, with a strict stand-in: durable subscriptions, selectors."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Any

import proton
import pytest
from hansa import Unavailable
from hansa_devkit import Inbox
from hansa_devkit.harness.waiting import wait_until
from hansa_jms.messages import Options
from hansa_jms.topic import JmsTopicChannel
from hansa_jms.wire import Outbound

from plugins.jms.tests.strict import Source, Strict
from plugins.jms.tests.test_channel import channel
from plugins.jms.tests.test_outgoing import outgoing

_numbers = itertools.count()


@pytest.fixture(scope="module")
def strict():
    with Strict() as one:
        yield one


@pytest.fixture
def name():
    """The name of a queue or topic that is empty."""
    return f"strict-{next(_numbers)}"


def send(strict, destination: str, *bodies: Any, **more: Any) -> None:
    with outgoing(strict) as out:
        for body in bodies:
            out.send(body, destination, **more)


def test_all_types_arrive_with_their_properties(strict, name):
    inbox = Inbox()
    bodies = ["Grüße \U0001f600", "", b"\0\xff", {"n": 7, "l": 2**40, "x": b"b", "none": None}, {}]
    given = {"kind": "order", "number": 7, "big": 2**40, "half": 1.5, "flag": True}
    with channel(strict, inbox, queue=name):
        send(strict, name, *bodies, properties=given, reply_to="/topic/answers", time_to_live=60)
        inbox.wait(5, 60)
    assert not strict.rejected
    requests = {request.raw: request for request in inbox.requests}
    kinds = [requests[raw].extra["kind"] for raw in ("Grüße \U0001f600".encode(), b"\0\xff", b"{}")]
    assert kinds == ["text", "bytes", "map"]
    for request in inbox.requests:
        found = {key: request.extra["properties"][key] for key in given}
        assert found == given and [type(value) for value in found.values()] == [
            type(value) for value in given.values()
        ]
        assert (request.headers["flag"], request.headers["number"]) == ("true", "7")
        assert request.extra["reply_to"] == "/topic/answers" and request.extra["expires"]
        assert request.extra["origin"] == {"destination": f"/queue/{name}"}


def test_only_what_the_selector_takes(strict, name):
    """Numbers are numbers, other than with STOMP."""
    inbox = Inbox()
    with channel(strict, inbox, queue=name, selector="number > 4 AND kind = 'order'"):
        send(strict, name, "no", properties={"kind": "order", "number": 4})
        send(strict, name, "neither", properties={"kind": "offer", "number": 9})
        send(strict, name, "yes", properties={"kind": "order", "number": 9})
        [request] = inbox.wait(1, 60)
    assert request.raw == b"yes" and strict.count(name) == 2


def test_a_wrong_selector_is_told(strict, name):
    with pytest.raises(Unavailable, match="refuses it: invalid selector: kind = ="):
        with channel(strict, Inbox(), queue=name, selector="kind = = 1"):
            pass


def test_a_durable_subscription_keeps_what_came_meanwhile(strict, name):
    inbox = Inbox()
    settings = {"cls": JmsTopicChannel, "topic": name, "client_id": name, "subscription": "s"}
    with channel(strict, inbox, **settings):
        send(strict, f"/topic/{name}", "one")
        inbox.wait(1, 60)
    send(strict, f"/topic/{name}", "two")
    with channel(strict, inbox, **settings):
        inbox.wait(2, 60)
    assert [request.raw for request in inbox.requests] == [b"one", b"two"]
    assert not strict.subscriptions[name, "s"].waiting


def test_a_message_of_a_topic_that_fails_is_tried_again_here(strict, name):
    inbox, other = Inbox("retry"), Inbox()
    settings = {"cls": JmsTopicChannel, "topic": name}
    with channel(strict, other, **settings, durable=False):
        with channel(strict, inbox, **settings, client_id=name, max_attempts=3):
            send(strict, f"/topic/{name}", "x", properties={"own": 1})
            wait_until(lambda: strict.count(f"{name}.dead-letter") == 1, 30)
            other.wait(1, 60)
    assert [request.attempt for request in inbox.requests] == [1, 2, 3]
    assert len(other.requests) == 1
    [dead] = strict.queues[f"{name}.dead-letter"].waiting
    assert (dead.properties["own"], dead.properties["hansaAttempts"]) == (1, "3")


@pytest.mark.parametrize("queue", ["bestellungen-ü", "a.b c", "日本", "a/b"])
def test_names_in_unicode(strict, queue):
    inbox = Inbox(outcomes=["reject"])
    with channel(strict, inbox, queue=queue):
        send(strict, queue, "x")
        wait_until(lambda: strict.count(f"{queue}.dead-letter") == 1, 30)
    [dead] = strict.queues[f"{queue}.dead-letter"].waiting
    assert dead.properties["hansaDestination"] == f"/queue/{queue}"


def test_what_was_not_begun_is_given_back_uncounted(strict, name):
    """And comes again in its order."""
    send(strict, name, *(f"{number}" for number in range(10)))
    with channel(strict, Inbox("retry"), queue=name, pool=1, first_delay=60, last_delay=60):
        wait_until(lambda: strict.count(name) == 0, 30)
    wait_until(lambda: strict.count(name) == 10, 30)
    inbox = Inbox()
    with channel(strict, inbox, queue=name):
        inbox.wait(10, 60)


def test_what_the_broker_refuses_ends_no_other_call(strict, name):
    with outgoing(strict, queue=name) as out:
        with pytest.raises(Unavailable, match="refuses it: wrong is no temporary-queue here"):
            out.send("x", "/remote-temp-queue/wrong")
        out.send("x")
        assert not out.server.losses
    assert strict.count(name) == 1


def test_what_the_broker_refuses_leaves_no_link_behind(strict, name):
    """A connection has room for so many, and lives as long as it is used."""
    with outgoing(strict, queue=name) as out, out.pool.use() as connection:
        for number in range(40):
            options = Options(f"/remote-temp-queue/{number}", "", "", "", 4, 0, True)
            with pytest.raises(Unavailable, match="is no temporary-queue here"):
                connection.send(Outbound("x", {}, {}, options, 1000))
        assert not connection._senders
        found, link = 0, connection._engine.link_head(0)
        while link is not None:
            found += 1
            link = link.next(0)
        assert found <= 1  # the last may end with the next bytes


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ([1, 2], "its body is of the type list"),
        ({"a": [1]}, "the item 'a' is of no type of JMS"),
        ({1: "a"}, "the item '1' is of no type of JMS"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_whole(strict, name, body, fault):
    foreign = proton.Message(body=body, properties={"own": "1"})
    strict.queues[name] = Source(waiting=deque([foreign]))
    with channel(strict, Inbox(), queue=name):
        wait_until(lambda: strict.count(f"{name}.dead-letter") == 1, 30)
    [dead] = strict.queues[f"{name}.dead-letter"].waiting
    assert dead.body == body and dead.properties["own"] == "1"
    assert fault in dead.properties["hansaCause"]
