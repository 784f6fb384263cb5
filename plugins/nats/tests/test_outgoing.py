"""What the outgoing connection publishes, stores and asks, and what it refuses."""

from __future__ import annotations

import threading

import pytest
from hansa import Invalid, NotFound, TimedOut, TooLarge, Unavailable
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.objects import Held
from hansa_devkit.harness.waiting import wait_until
from hansa_nats.outgoing import Stored

from plugins.nats.tests.support import channel, outgoing


@pytest.fixture
def stream(broker):
    return broker.stream()


def test_what_is_stored_once_is_not_stored_again(broker, stream):
    with outgoing(broker, subject=f"{stream}.мир", stream=stream) as out:
        first = out.store("Grüße", message_id="1", headers={"Own": "мир"})
        second = out.store("Grüße", message_id="1")
        out.store(b"\xff")
    assert (first.stream, first.sequence, first.duplicate) == (stream, 1, False)
    assert (second.sequence, second.duplicate) == (1, True)
    messages = broker.read(stream)
    assert [each.data for each in messages] == ["Grüße".encode(), b"\xff"]
    assert "Own" in messages[0].headers
    assert messages[0].headers["x-hansa-cid"]


def test_who_subscribes_gets_what_is_published(broker):
    inbox = Inbox()
    with channel(broker, inbox, "news.>"), outgoing(broker) as out:
        out.publish("x", "news.today", headers={"Own": "1"})
        (request,) = inbox.wait(1, 60)
    assert (request.raw, request.headers["own"]) == (b"x", "1")


def test_many_threads(broker, stream):
    places: list[Stored] = []
    with outgoing(broker, subject=f"{stream}.a") as out:
        threads = [
            threading.Thread(target=lambda: places.extend(out.store("x") for _ in range(50)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert sorted(place.sequence for place in places) == list(range(1, 401))


def test_a_request_that_nobody_answers(broker):
    held = Held()
    with outgoing(broker, timeout=5) as out:
        with pytest.raises(NotFound, match="nobody answers requests"):
            out.request("x", "nobody.there")
        with channel(broker, held, "slow"):
            with pytest.raises(TimedOut, match="timeout"):
                out.request("x", "slow", timeout=0.3)
            held.going.set()


def test_the_largest_message_and_one_byte_more(broker, stream):
    with outgoing(broker, subject=f"{stream}.a") as out:
        most = out.client.max_payload
        for call in (out.publish, out.store, out.request):
            with pytest.raises(TooLarge, match=f"takes messages of {most} bytes"):
                call(bytes(most))
        # NATS/1.0, the correlation id, and this
        more = {"x-hansa-cid": "c" * 64, "a": "x" * 100}
        size = sum(len(name) + len(value) + 4 for name, value in more.items()) + 12
        out.publish(bytes(most - size), headers=more)
        with pytest.raises(TooLarge):
            out.publish(bytes(most - size + 1), headers=more)
        assert "answered" in out.ping()


def test_a_subject_that_no_stream_takes(broker):
    with (
        outgoing(broker, subject="no.stream") as out,
        pytest.raises(Unavailable, match="no stream"),
    ):
        out.store("x")
    with outgoing(broker, subject="made.here", stream="made-here", declare=True) as out:
        assert out.store("x").stream == "made-here"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"subject": "a b"}, "subject"),
        ({"subject": "a.*"}, "subject"),
        ({"subject": ""}, "subject"),
        ({"headers": {"a": 1}}, r"headers\.a"),
        ({"headers": {"a:b": "1"}}, r"headers\.a:b"),
        ({"headers": {"a": "1\r\nb: 2"}}, r"headers\.a"),
        ({"message": 1}, "text or bytes"),
        ({"message": "\ud800"}, "UTF-8"),
    ],
)
def test_what_cannot_be_sent(broker, arguments, why):
    with outgoing(broker) as out, pytest.raises(Invalid, match=why):
        out.publish(**{"message": "x", "subject": "a", **arguments})


def test_a_connection_that_ends_while_something_is_to_be_sent_is_noticed(broker):
    """nats-py tells nobody then: sending what is left fails, and with it its end of the connection."""
    server = LocalServer()
    with Proxy(broker.port) as proxy, outgoing(broker, server, port=proxy.port) as out:
        client = out.client

        async def fail():
            raise ConnectionResetError("while it drains")

        client._transport.drain = fail
        client._pending = [b"PING\r\n"]
        client._pending_data_size = 6
        proxy.mode = "refuse"
        wait_until(lambda: out in server.losses, 10)
    assert "the server at 127.0.0.1" in str(server.losses[out])
