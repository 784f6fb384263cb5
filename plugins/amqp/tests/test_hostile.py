"""Messages that mean harm, or are odd: each ends with a service or as a dead letter, and the next
one is handled as if nothing was.
"""

from __future__ import annotations

import struct
from typing import Any

import pika
import pytest
from hansa import Invalid
from hansa_amqp.channel import AmqpChannel
from hansa_amqp.outgoing import AmqpOutgoing
from hansa_devkit import Inbox
from hansa_devkit.harness.waiting import wait_until
from hypothesis import HealthCheck, given, settings, strategies as st

from plugins.amqp.tests.support import channel, made, outgoing


class Raw(bytes):
    """A header's value as it goes over the wire, its type included."""


@pytest.fixture
def raw_headers(monkeypatch):
    """Let the test send headers that pika cannot write."""
    original = pika.data.encode_value

    def encode(pieces, value):
        if not isinstance(value, Raw):
            return original(pieces, value)
        pieces.append(bytes(value))
        return len(value)

    monkeypatch.setattr(pika.data, "encode_value", encode)


@pytest.fixture(autouse=True)
def _queues(rabbit):
    rabbit.make("in", "in.dead-letter")


def nested(depth):
    value = b"t\x01"
    for _ in range(depth):
        value = b"A" + struct.pack(">I", len(value)) + value
    return Raw(value)


UNREADABLE = {
    "a date in the year 33658": Raw(b"T" + struct.pack(">Q", 10**12)),
    "a date that no clock has": Raw(b"T" + struct.pack(">Q", 2**63)),
    "5,000 lists in one another": nested(5000),
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_headers_that_cannot_be_read_make_a_dead_letter(rabbit, raw_headers, value):
    inbox = Inbox()
    with channel(rabbit, inbox) as one:
        rabbit.send("in", b"odd", headers={"h": value}, correlation_id="c")
        rabbit.send("in", b"next")
        (request,) = inbox.wait(1, 10)
        wait_until(lambda: rabbit.count("in.dead-letter") == 1, 10)
        assert not one.server.losses
    ((_, properties, body),) = rabbit.read("in.dead-letter")
    assert (request.raw, body) == (b"next", b"odd")
    assert "its properties cannot be read" in properties.headers["x-hansa-cause"]
    assert value in properties.headers["x-hansa-unreadable"]


ODD = {
    "control characters": {"a\x00b\r\nc": "d\x00\r\ne", "": ""},
    "a path": {"../../etc/passwd": "..\\..\\x"},
    "255 bytes of name": {"ü" * 127: "x"},
    "no UTF-8": {b"\xff": Raw(b"S" + struct.pack(">I", 2) + b"\xff\xfe")},
    "all types": {
        "b": Raw(b"b\xff"),
        "f": Raw(b"f" + struct.pack(">f", 1.5)),
        "D": Raw(b"D\xff\x00\x00\x00\x01"),
        "V": None,
    },
    "attempts forged": {
        "x-hansa-attempts": -(2**60),
        "x-hansa-history": "x",
        "x-hansa-first": 7,
        "x-hansa-exchange": [1],
    },
    "attempts no number": {"x-hansa-attempts": "many", "x-hansa-cid": {"a": "b"}},
    "the same name twice": {"Name": 1, "name": 2},
}


@pytest.mark.parametrize("headers", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("outcome", ["done", "retry"])
def test_odd_headers_reach_the_service_and_survive_its_failure(
    rabbit, raw_headers, headers, outcome
):
    inbox = Inbox(outcome)
    with channel(rabbit, inbox, max_attempts=2) as one:
        rabbit.send("in", b"odd", headers=headers, message_id="\x00\r\n", type="../..")
        inbox.wait(1 if outcome == "done" else 2, 10)
        wait_until(lambda: rabbit.count("in.dead-letter") == (outcome == "retry"), 10)
        assert not one.server.losses
    assert all(
        isinstance(text, str)
        for each in inbox.requests
        for pair in each.headers.items()
        for text in pair
    )
    if outcome == "retry":
        ((_, properties, _),) = rabbit.read("in.dead-letter")
        assert properties.headers["x-hansa-attempts"] == 2
        assert properties.message_id == "\x00\r\n"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\x1b[31m\tb", "'; DROP TABLE x; --", "ü" * 60]
)
def test_odd_names_of_queues_and_keys_are_only_names(rabbit, name):
    inbox = Inbox(outcomes=["reject"])
    with outgoing(rabbit, declare="classic", queue=name, exchange="odd", routing_key=name) as out:
        with channel(rabbit, inbox, queue=name, declare="classic") as one:
            out.publish("x")
            (request,) = inbox.wait(1, 10)
            wait_until(lambda: rabbit.count(f"{name}.dead-letter") == 1, 10)
            assert not one.server.losses
    ((_, properties, _),) = rabbit.read(f"{name}.dead-letter")
    assert properties.headers["x-hansa-queue"] == name
    assert request.raw == b"x"


def test_names_that_the_broker_would_change_are_refused(rabbit):
    """RabbitMQ leaves line breaks out, and pika then waits for ever for the name that it has sent."""
    for cls in (AmqpChannel, AmqpOutgoing):
        more: dict[str, Any] = {"service": "test"} if cls is AmqpChannel else {}
        with pytest.raises(Invalid, match="queue"):
            made(cls, rabbit, queue="a\r\nb", **more)


def test_forged_attempts_end_at_once(rabbit):
    inbox = Inbox("retry")
    with channel(rabbit, inbox):
        rabbit.send("in", b"odd", headers={"x-hansa-attempts": 2**60})
        wait_until(lambda: rabbit.count("in.dead-letter") == 1, 10)
    assert len(inbox.requests) == 1


def test_headers_too_long_to_be_sent_again_are_left_out(rabbit):
    inbox = Inbox("reject")
    with channel(rabbit, inbox) as one:
        rabbit.send("in", b"heavy", headers={"h": "x" * 130_500})
        wait_until(lambda: rabbit.count("in.dead-letter") == 1, 10)
        assert not one.server.losses
    ((_, properties, body),) = rabbit.read("in.dead-letter")
    assert len(inbox.requests[0].headers["h"]) == 130_500
    assert body == b"heavy"
    assert set(properties.headers) >= {
        "x-hansa-cause",
        "x-hansa-cid",
        "x-hansa-attempts",
        "x-hansa-queue",
    }
    assert "h" not in properties.headers


def test_a_copy_goes_nowhere_else(rabbit):
    """The headers CC and BCC would have the broker send each copy to those queues again."""
    rabbit.make("elsewhere")
    inbox = Inbox(outcomes=["retry", "retry"])
    with channel(rabbit, inbox):
        rabbit.send("in", b"x", headers={"CC": ["elsewhere"]})
        inbox.wait(3, 10)
    assert rabbit.count("elsewhere") == 1


def test_a_message_over_the_limit_is_a_dead_letter_whole(rabbit):
    inbox, body = Inbox(), bytes(50_000_000)
    with channel(rabbit, inbox) as one:
        rabbit.send("in", body)
        rabbit.send("in", b"next")
        inbox.wait(1, 20)
        wait_until(lambda: rabbit.count("in.dead-letter") == 1, 20)
        assert not one.server.losses
    ((_, properties, dead),) = rabbit.read("in.dead-letter")
    assert [request.raw for request in inbox.requests] == [b"next"]
    assert (
        properties.headers["x-hansa-cause"]
        == "TooLarge: the message has 50000000 bytes; max_body is 16777216"
    )
    assert dead == body


def test_50_megabytes_pass_where_they_are_allowed(rabbit):
    inbox, body = Inbox(), bytes(range(256)) * 200_000
    with channel(rabbit, inbox, max_body=60_000_000):
        rabbit.send("in", body)
        (request,) = inbox.wait(1, 20)
    assert request.raw == body


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.binary(max_size=300),
    headers=st.dictionaries(
        st.text(max_size=20).filter(lambda name: len(name.encode()) < 200),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**63 - 1)
            | st.text(max_size=50)
            | st.binary(max_size=50),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=9), inner, max_size=3)
            ),
            max_leaves=5,
        ),
        max_size=5,
    ),
)
def test_any_message_is_handled_once_and_its_copy_is_like_it(rabbit, body, headers):
    headers = {name: value for name, value in headers.items() if name not in ("CC", "BCC")}
    inbox = Inbox(outcomes=["retry"])
    with channel(rabbit, inbox):
        rabbit.send("in", body, headers=headers)
        first, second = inbox.wait(2, 10)
    assert first.raw == second.raw == body
    assert first.extra["headers"] == headers
    assert {
        k: v for k, v in second.extra["headers"].items() if not k.startswith("x-hansa-")
    } == headers
