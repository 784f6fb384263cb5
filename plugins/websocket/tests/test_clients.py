"""What both clients do: subscribe again after an outage, answer, and say what to change."""

from __future__ import annotations

import pytest
from hansa import HansaError, Invalid, TimedOut, Unavailable
from hansa_devkit import Inbox
from hansa_devkit.harness.waiting import wait_until
from hansa_websocket.feed import WebSocketFeed
from hansa_websocket.outgoing import WebSocketOutgoing

from plugins.websocket.tests.support import Peer, channel, made, running


@pytest.fixture
def peer():
    with Peer() as peer:
        yield peer


def feed(peer, dispatch, **settings):
    given = {"url": f"ws://127.0.0.1:{peer.port}", "service": "x", "timeout": 3, **settings}
    one = made(WebSocketFeed, **given)
    one.dispatch = dispatch
    return one


def test_a_feed_subscribes_and_answers(peer):
    inbox = Inbox()
    with running(feed(peer, inbox, subscribe=["subscribe"], respond=True)):
        wait_until(lambda: peer.received == ["subscribe"])
        peer.silent.set()
        peer.send("news")
        peer.send(b"\xff")
        wait_until(lambda: peer.received == ["subscribe", "ok", b"ok"])
    assert [request.raw for request in inbox.requests] == [b"news", b"\xff"]


def test_a_feed_that_is_lost_is_told_to_core(peer):
    with running(feed(peer, Inbox(), subscribe=["subscribe"])) as one:
        wait_until(lambda: peer.received)
        peer.stop()
        wait_until(lambda: one.server.objects.losses, 10)
        peer.start()
        with running(feed(peer, Inbox(), subscribe=["subscribe"])):
            wait_until(lambda: peer.received == ["subscribe", "subscribe"], 10)


def test_a_feed_keeps_the_order_and_loses_nothing_while_it_is_slow(peer):
    inbox = Inbox()
    with running(feed(peer, inbox)):
        for number in range(500):
            peer.send(str(number))
        inbox.wait(500, 60)
    assert [int(request.raw) for request in inbox.requests] == list(range(500))


def outgoing(peer, **settings):
    given = {"url": f"ws://127.0.0.1:{peer.port}", "timeout": 3, **settings}
    return made(WebSocketOutgoing, **given)


def test_outgoing_sends_and_asks(peer):
    with running(outgoing(peer)) as one:
        one.send("Grüße")
        one.send(b"\x00\xff")
        wait_until(lambda: peer.received == ["Grüße", b"\x00\xff"])
        for wrong in (7, "\ud800"):
            with pytest.raises(Invalid):
                one.send(wrong)


def test_an_answer_that_is_late_is_not_taken_for_the_next_one(peer):
    with running(outgoing(peer)) as one:
        peer.silent.set()
        with pytest.raises(TimedOut):
            one.ask("late", timeout=0.2)
        wait_until(lambda: one.server.objects.losses, 10)
        with pytest.raises(Unavailable):
            one.ask("next")


def test_it_speaks_with_the_channel(peer):
    with channel(Inbox()) as one:
        with running(made(WebSocketOutgoing, url=f"ws://127.0.0.1:{one.config.port}/")) as asking:
            assert asking.ask("x") == "ok"
            assert "answered in" in asking.ping()


def test_the_request_to_connect_is_signed(peer):
    class Signing:
        def sign(self, headers):
            headers["Authorization"] = "Bearer token"

    inbox = Inbox()
    with channel(inbox) as one:
        asking = made(
            WebSocketOutgoing, url=f"ws://127.0.0.1:{one.config.port}/", security="partner"
        )
        asking.server.objects.security = {"partner": Signing()}.__getitem__
        assert list(asking.logins(asking.config)) == ["partner"]
        with running(asking):
            asking.ask("x")
    assert inbox.requests[0].headers["authorization"] == "Bearer token"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ws://127.0.0.1:1", "check the setting url"),
        ("ws://no-such-host.invalid", "check the setting host"),
        ("wss://127.0.0.1:PORT", "cannot connect"),
    ],
)
def test_a_refusal_says_what_to_change(peer, url, told):
    with pytest.raises(HansaError, match=told):
        with running(outgoing(peer, url=url.replace("PORT", str(peer.port)))):
            pass


def test_a_status_is_told(peer):
    with channel(Inbox(), path="/feed") as one:
        wrong = made(WebSocketOutgoing, url=f"ws://127.0.0.1:{one.config.port}/")
        with pytest.raises(Unavailable, match="status 404; check the setting url"), running(wrong):
            pass
