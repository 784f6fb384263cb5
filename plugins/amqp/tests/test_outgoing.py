"""Publishing: confirmed, or an error that says why, in time."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import (
    Invalid,
    Login,
    Secret,
    TimedOut,
    TraceContext,
    Unavailable,
    current_cid,
    current_trace,
)
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.background import in_background
from hansa_devkit.faults import Proxy

from plugins.amqp.tests.support import channel, outgoing

NESTED: dict[str, Any] = {}
for _ in range(2000):
    NESTED = {"n": NESTED}


@pytest.fixture(autouse=True)
def _queue(rabbit):
    rabbit.make("out")


@pytest.mark.parametrize("means", ["password", "token"])
def test_a_security_definition_supplies_the_login_of_both_types(rabbit, means):
    # a broker that takes tokens (OAuth 2.0) reads them from the password
    login = Login(username="guest", password=Secret("guest"))
    if means == "token":
        login = Login(username="guest", token=Secret("guest"))
    rabbit.make("out.dead-letter")
    server = LocalServer(security={"broker": SimpleNamespace(login=lambda: login)})
    with (
        channel(rabbit, Inbox(), "out", server=server, login="broker") as receiving,
        outgoing(rabbit, server=server, security="broker") as out,
    ):
        out.publish("text", "out")
        (request,) = receiving.dispatch.wait(1, 10)
        assert request.raw == b"text"
    wrong = Login(username="guest", password=Secret("other"))
    refusing = LocalServer(security={"broker": SimpleNamespace(login=lambda: wrong)})
    with (
        pytest.raises(Unavailable, match="ACCESS_REFUSED"),
        outgoing(rabbit, server=refusing, security="broker"),
    ):
        pass


def test_a_message_arrives_with_its_properties(rabbit):
    with outgoing(
        rabbit, properties={"app_id": "crm", "priority": 1, "content_type": "text/plain"}
    ) as out:
        token = current_cid.set("cid-1")
        trace = current_trace.set(TraceContext(0xABC, 0xDEF))
        try:
            told = out.publish(
                "Grüße", "out", headers={"Own": [1, {"a": None}]}, priority=4, correlation_id="c"
            )
        finally:
            current_trace.reset(trace)
            current_cid.reset(token)
    ((method, properties, body),) = rabbit.read("out")
    assert (method.exchange, method.routing_key, body.decode()) == ("", "out", "Grüße")
    assert (properties.app_id, properties.priority, properties.correlation_id) == ("crm", 4, "c")
    assert (properties.delivery_mode, properties.message_id, properties.content_type) == (
        2,
        told,
        "text/plain",
    )
    assert properties.headers == {
        "x-hansa-cid": "cid-1",
        "traceparent": f"00-{'0' * 29}abc-{'0' * 13}def-01",
        "Own": [1, {"a": None}],
    }


def test_messages_need_not_be_kept_on_disk(rabbit):
    with outgoing(rabbit, persistent=False, routing_key="out") as out:
        out.publish(b"\x00")
        out.publish(b"\x01", delivery_mode=2)
    assert [properties.delivery_mode for _, properties, _ in rabbit.read("out")] == [1, 2]


def test_exchange_queue_and_binding_are_declared(rabbit):
    with rabbit.broker() as other:
        other.queue_delete("made-out")
        other.exchange_delete("making-out")
    settings = {
        "declare": "classic",
        "exchange": "making-out",
        "exchange_type": "fanout",
        "queue": "made-out",
    }
    with outgoing(rabbit, **settings) as out:
        out.publish("x", "any")
        out.publish("y", "made-out", "")  # the default exchange
    assert [(method.exchange, body) for method, _, body in rabbit.read("made-out")] == [
        ("making-out", b"x"),
        ("", b"y"),
    ]


def test_arguments_are_refused_where_no_queue_is_declared(rabbit):
    settings = {"declare": "classic", "max_priority": 5, "routing_key": "out"}
    with pytest.raises(Invalid, match="queue: required"), outgoing(rabbit, **settings):
        pass


def test_what_no_queue_takes_is_an_error_and_the_next_call_works(rabbit):
    with outgoing(rabbit, routing_key="out") as out:
        with pytest.raises(
            Unavailable,
            match=r"no queue takes what is sent to exchange 'amq\.direct' with key 'nowhere'",
        ):
            out.publish("x", "nowhere", "amq.direct")
        with pytest.raises(Unavailable, match="NOT_FOUND - no exchange 'none' in vhost '/'"):
            out.publish("x", "out", "none")
        out.publish("y")
        assert not out.server.losses
    assert [body for _, _, body in rabbit.read("out")] == [b"y"]


def test_what_a_queue_refuses_is_an_error(rabbit):
    with rabbit.broker() as other:
        other.queue_delete("full")
        other.queue_declare("full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    with outgoing(rabbit, routing_key="full") as out:
        out.publish("1")
        with pytest.raises(Unavailable, match="Nack"):
            out.publish("2")


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": {"h": "x" * 200_000}},
        {"headers": {"h": object()}},
        {"headers": {"n" * 256: 1}},
        {"headers": {"h": 2**70}},
        {"type": "t" * 256},
        {"headers": {"h": 1.5}},
        {"headers": {"h": (1, 2)}},
        {"headers": {"h": {"inner": {1: 2}}}},
        {"headers": {"h": [Decimal("NaN")]}},
        {"headers": {"h": Decimal("12345678901.5")}},
        {"headers": {"h": datetime(1969, 1, 1)}},
        {"headers": {"h": "\ud800"}},
        {"headers": {1: "x"}},
        {"headers": ["x"]},
        {"headers": "x"},
        {"headers": NESTED},
        {"priority": 300},
        {"priority": "high"},
        {"delivery_mode": 3},
        {"timestamp": datetime(2026, 1, 1)},
        {"timestamp": -1},
        {"expiration": -1},
        {"expiration": 1.5},
        {"expiration": "soon"},
        {"correlation_id": 17},
        {"content_type": ["text/plain"]},
        {"app_id": "\ud800"},
        {"user_id": "somebody-else"},
        {"colour": "red"},
        {"headers": {"CC": 1}},
        {"routing_key": 7},
        {"exchange": b"e\xff"},
        {"routing_key": "k" * 256},
        {"exchange": "e" * 256},
    ],
)
def test_what_cannot_be_sent_is_invalid_and_breaks_nothing(rabbit, wrong):
    with outgoing(rabbit, routing_key="out") as out:
        with pytest.raises(Invalid, match="cannot be sent") as raised:
            out.publish("x", **wrong)
        assert "Error" not in raised.value.detail and "supplied for self" not in raised.value.detail
        out.publish("y")
        assert not out.server.losses
    assert [body for _, _, body in rabbit.read("out")] == [b"y"]


@pytest.mark.parametrize("message", [None, 1, {"a": 1}, ["x"]])
def test_only_text_and_bytes_are_messages(rabbit, message):
    with outgoing(rabbit, routing_key="out") as out, pytest.raises(Invalid, match="text or bytes"):
        out.publish(message)


def test_all_that_cannot_be_sent_is_told_at_once_by_name(rabbit):
    with outgoing(rabbit, routing_key="out") as out, pytest.raises(Invalid) as raised:
        out.publish("x", colour="red", priority=300, headers={"h": 1.5})
    assert set(raised.value.errors) == {"colour", "priority", "headers.h"}


def test_an_expiration_is_milliseconds_as_number_or_digits(rabbit):
    with outgoing(rabbit, routing_key="out", properties={"expiration": 70000}) as out:
        out.publish("1", expiration=60000)
        out.publish("2", expiration="50000")
        out.publish("3")
        out.publish("4", expiration=None)
    read = [properties.expiration for _, properties, _ in rabbit.read("out")]
    assert read == ["60000", "50000", "70000", None]


@pytest.mark.parametrize("properties", [{"colour": "red"}, {"priority": 300}, {"app_id": 5}])
def test_default_properties_that_cannot_be_sent_are_refused_in_the_definition(rabbit, properties):
    with pytest.raises(Invalid, match=r"properties\."), outgoing(rabbit, properties=properties):
        pass


def test_50_megabytes_are_published(rabbit):
    with outgoing(rabbit, routing_key="out", timeout=30) as out:
        out.publish(bytes(50_000_000))
    assert len(rabbit.read("out")[0][2]) == 50_000_000


def test_the_deadline_bounds_the_whole_call(rabbit):
    with (
        Proxy(rabbit.port) as proxy,
        outgoing(rabbit, port=proxy.port, routing_key="out", max_connections=1) as out,
    ):
        proxy.mode = "drop"
        began = time.monotonic()
        calls = [in_background(lambda: out.publish("x", timeout=0.5)) for _ in range(3)]
        errors = [call.exception(10) for call in calls]
        took = time.monotonic() - began
        proxy.mode = "pass"
    assert [type(error) for error in errors] == [TimedOut] * 3
    assert took < 5


def test_many_threads_publish_at_the_same_time(rabbit):
    lost: list[Any] = []
    each = 50

    def publish(number):
        for count in range(each):
            try:
                out.publish(f"{number}-{count}")
            except Exception as error:
                lost.append(error)

    with outgoing(rabbit, routing_key="out", max_connections=4) as out:
        threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert not lost
    assert sorted(body.decode() for _, _, body in rabbit.read("out")) == sorted(
        f"{n}-{c}" for n in range(8) for c in range(each)
    )


def test_ping(rabbit):
    with outgoing(rabbit) as out:
        assert "ms" in out.ping()
