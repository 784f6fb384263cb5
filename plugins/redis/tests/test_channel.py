"""What the channel does with messages: fields, dead letters, consumers that are gone, refusals."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hansa import HansaError, Invalid, Request, Response, load
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.background import in_background
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.inbox import answer
from hansa_redis.channel import RedisChannel
from hansa_redis.reading import ReadingSettings

from plugins.redis.tests.nodes import PASSWORD, Node, make_certificate, program_with_tls, tls_lines
from plugins.redis.tests.test_channel_contract import Peer

SOURCES = pytest.mark.parametrize("source", ["stream", "list"])


@pytest.fixture(scope="module")
def peer():
    with Peer() as peer:
        yield peer


@pytest.fixture
def redis(peer):
    """A bare client of an empty Valkey."""
    peer.clear()
    with peer.client() as client:
        yield client


@contextmanager
def channel(
    peer: Peer | None, dispatch: Callable[[Request], Response], name: str = "Grüße", **settings: Any
) -> Iterator[Any]:
    """A running channel of the key `in`."""
    given = {**(peer.settings if peer else {}), "key": "in", "service": "x", "timeout": 3}
    model: Any = type("Definition", (RedisChannel.Config, RedisChannel.common), {"__doc__": "."})
    config: Any = load(model, {**given, "first_delay": 0.02, **settings})
    one = RedisChannel(name, config, LocalServer())
    one.dispatch = dispatch
    try:
        one.start()
        yield one
    finally:
        one.stop()


def send(redis, source, *bodies):
    for body in bodies:
        if source == "stream":
            redis.xadd("in", {"body": body})
        else:
            redis.lpush("in", body)


def left(redis, source):
    """How many messages are in Redis that are not settled."""
    if source == "list":
        return sum(redis.llen(key) for key in redis.keys("in*") if b"dead" not in key)
    return redis.xpending("in", "hansa")["pending"]


# -- streams ---------------------------------------------------------------------------------------


def test_the_other_fields_of_an_entry_are_headers(peer, redis):
    inbox = Inbox()
    with channel(peer, inbox):
        redis.xadd("in", {"body": b"\x00\xff", "Größe": "XL", "x-hansa-cid": "abc-1"})
        number = redis.xadd("in", {"first": "1", "zweites": "ü"})
        plain, whole = inbox.wait(2, 60)
        wait_until(lambda: left(redis, "stream") == 0)
    assert plain.raw == b"\x00\xff" and plain.cid == "abc-1"
    assert plain.headers["größe"] == "XL"
    assert json.loads(whole.raw) == {"first": "1", "zweites": "ü"}
    assert whole.extra["origin"] == {"key": "in", "entry": number.decode()}
    assert redis.xlen("in") == 2, "entries are kept"


def test_what_was_handled_may_be_deleted(peer, redis):
    inbox = Inbox()
    with channel(peer, inbox, after="delete"):
        send(redis, "stream", b"1", b"2")
        inbox.wait(2, 60)
        wait_until(lambda: redis.xlen("in") == 0)


@pytest.mark.parametrize(("begin", "count"), [("all", 1), ("new", 0)])
def test_where_a_new_group_begins(peer, redis, begin, count):
    inbox = Inbox()
    send(redis, "stream", b"before")
    with channel(peer, inbox, begin=begin, group="größe"):
        send(redis, "stream", b"after")
        wait_until(lambda: b"after" in {request.raw for request in inbox.requests})
    assert [request.raw for request in inbox.requests].count(b"before") == count


def test_entries_of_a_consumer_that_is_gone_are_taken_over(peer, redis):
    redis.xgroup_create("in", "hansa", "0", mkstream=True)
    send(redis, "stream", b"1", b"2", b"deleted")
    [[_, entries]] = redis.xreadgroup("hansa", "gone", {"in": ">"})
    redis.xdel("in", entries[2][0])
    inbox = Inbox()
    with channel(peer, inbox, claim_after=1.0):
        inbox.wait(2, 60)
        wait_until(lambda: left(redis, "stream") == 0, 20)
    assert sorted(request.raw for request in inbox.requests) == [b"1", b"2"]
    assert all(request.extra["redelivered"] for request in inbox.requests)
    assert {request.attempt for request in inbox.requests} == {2}


def test_what_is_in_hand_for_long_is_taken_over_by_nobody(peer, redis):
    going = threading.Event()

    def slow(request):
        first(request)
        going.wait(20)
        return answer(request, "done")

    first, second = Inbox(), Inbox()
    with (
        channel(peer, slow, "one", claim_after=1.0, pool=8),
        channel(peer, second, "two", claim_after=1.0),
    ):
        send(redis, "stream", *[b"%d" % number for number in range(8)])
        wait_until(lambda: len(first.requests) + len(second.requests) >= 8)
        begun, ends = len(second.requests), time.monotonic() + 3
        assert not second.until(lambda: len(second.requests) > begun, ends - time.monotonic())
        going.set()
    assert {request.extra["redelivered"] for request in second.requests} <= {False}


def test_a_deleted_group_is_told_to_core(peer, redis):
    with channel(peer, Inbox()) as one:
        redis.delete("in")
        wait_until(lambda: one.server.objects.losses, 10)
    [error] = one.server.objects.losses.values()
    assert "the consumer group 'hansa' of 'in' is gone" in str(error)


# -- streams and lists -----------------------------------------------------------------------------


@SOURCES
def test_what_is_given_up_is_a_dead_letter_with_the_cause(peer, redis, source):
    inbox = Inbox("retry")
    with channel(peer, inbox, source=source, max_attempts=3):
        send(redis, source, b"\xffpoison")
        wait_until(lambda: redis.xlen("in.dead-letter") == 1)
        wait_until(lambda: left(redis, source) == 0)
    assert [request.attempt for request in inbox.requests] == [1, 2, 3]
    assert len({request.cid for request in inbox.requests}) == 1
    [(_, fields)] = redis.xrange("in.dead-letter")
    assert fields[b"body"] == b"\xffpoison" and fields[b"x-hansa-attempts"] == b"3"
    assert fields[b"x-hansa-cause"].startswith(b"Unavailable: ")
    assert fields[b"x-hansa-cid"].decode() == inbox.requests[0].cid
    assert fields[b"x-hansa-channel"].decode() == "Grüße"


@SOURCES
def test_nothing_is_lost_where_dead_letters_cannot_be_added(peer, redis, source):
    """A transaction of Redis carries out what follows a command that fails."""
    with channel(peer, Inbox("reject"), source=source, dead_letter_stream="dead") as one:
        redis.set("dead", "no stream")
        send(redis, source, b"poison")
        wait_until(lambda: one.server.objects.losses, 10)
    [error] = one.server.objects.losses.values()
    assert "dead_letter_stream" in str(error)
    assert left(redis, source) == 1
    with (
        pytest.raises(HansaError, match="check the setting dead_letter_stream"),
        channel(peer, Inbox(), source=source, dead_letter_stream="dead"),
    ):
        pass
    redis.delete("dead")
    with channel(peer, Inbox("reject"), source=source, dead_letter_stream="dead"):
        wait_until(lambda: redis.xlen("dead") == 1, 10)
        wait_until(lambda: left(redis, source) == 0, 10)


@SOURCES
def test_the_largest_message_passes_and_one_byte_more_is_given_up(peer, redis, source):
    inbox = Inbox()
    with channel(peer, inbox, source=source, max_body=1_000_000, dead_letter_stream="dead"):
        send(redis, source, b"x" * 1_000_000, b"x" * 1_000_001)
        inbox.wait(1, 60)
        wait_until(lambda: redis.xlen("dead") == 1)
    [request] = inbox.requests
    assert len(request.raw) == 1_000_000


@SOURCES
def test_many_messages_some_of_which_fail_are_all_handled(peer, redis, source):
    def judged(request: Request) -> Response:
        inbox(request)
        return answer(request, "retry" if request.attempt == 1 and b"3" in request.raw else "done")

    inbox = Inbox()
    bodies = {b"%d" % number for number in range(500)}
    send(redis, source, *bodies)
    with channel(peer, judged, source=source):
        assert inbox.until(lambda: {request.raw for request in inbox.requests} == bodies, 30)
        wait_until(lambda: left(redis, source) == 0, 20)
    assert redis.xlen("in.dead-letter") == 0


@SOURCES
def test_a_stop_gives_back_what_was_not_begun(peer, redis, source):
    going = threading.Event()

    def slow(request):
        first(request)
        going.wait(20)
        return answer(request, "done")

    first, second = Inbox(), Inbox()
    with channel(peer, slow, "one", source=source, pool=1, prefetch=10) as one:
        send(redis, source, *[b"%d" % number for number in range(10)])
        first.wait(1, 60)
        stopping = in_background(one.stop)
        with channel(peer, second, "two", source=source, claim_after=1.0):
            second.wait(9, 60)
        going.set()
        stopping.result(20)
    wait_until(lambda: left(redis, source) == 0)
    assert len(first.requests) == 1


@pytest.mark.parametrize(("end", "order"), [("right", [b"1", b"2"]), ("left", [b"2", b"1"])])
def test_a_list_is_taken_from_either_end(peer, redis, end, order):
    send(redis, "list", b"1", b"2")
    inbox = Inbox()
    with channel(peer, inbox, source="list", take_from=end, pool=1):
        inbox.wait(2, 60)
    assert [request.raw for request in inbox.requests] == order
    assert left(redis, "list") == 0


# -- publish and subscribe -------------------------------------------------------------------------


def test_a_pattern_receives_of_many_channels(peer, redis):
    inbox = Inbox()
    with channel(peer, inbox, source="pubsub", key="orders.*"):
        redis.publish("orders.größe", "1")
        redis.publish("other", "2")
        redis.publish("orders.b", "3")
        inbox.wait(2, 60)
    assert [request.raw for request in inbox.requests] == [b"1", b"3"]
    assert [request.extra["key"] for request in inbox.requests] == ["orders.größe", "orders.b"]


def test_a_subscriber_that_is_too_slow_for_redis_is_told_to_core(peer, redis):
    going = threading.Event()

    def slow(request):
        going.wait(60)
        return answer(request, "done")

    limit = "client-output-buffer-limit"
    before = redis.config_get(limit)[limit]
    redis.config_set(limit, "pubsub 1mb 1mb 1")
    try:
        with channel(peer, slow, source="pubsub", pool=1, prefetch=1) as one:
            # larger ones Valkey 9 does not count; 50 MB are more than sockets hold
            subscribers = (redis.publish("in", b"x" * 10_000) for _ in range(5000))
            assert 0 in subscribers, "Redis closed the connection"
            going.set()
            wait_until(lambda: one.server.objects.losses, 30)
    finally:
        going.set()
        redis.config_set(limit, before)


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["stream", "list", "pubsub"])
def test_a_silent_redis_is_noticed(peer, redis, source):
    with Proxy(peer.port) as proxy:
        with channel(peer, Inbox(), source=source, port=proxy.port, timeout=0.5) as one:
            proxy.mode = "drop"
            wait_until(lambda: one.server.objects.losses, 20)
    [error] = one.server.objects.losses.values()
    assert "did not answer within 0.5 s" in str(error) or "within 1 s" in str(error)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"password": "wrong-one"}, "check the settings username and password"),
        ({"port": 1}, "check the settings host, port and tls"),
        ({"db": 9999}, "check the setting db"),
        ({"key": "text"}, "the key 'text' is no stream: WRONGTYPE"),
        ({"key": "text", "source": "list"}, "the key 'text' is no list: WRONGTYPE"),
    ],
)
def test_a_refusal_names_the_setting_to_change(peer, redis, changes, told):
    redis.set("text", "x")
    with pytest.raises(HansaError, match=told) as caught, channel(peer, Inbox(), **changes):
        pass
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"address": "redis+cluster://10.0.0.5:6379"}, {"address"}),
        ({"address": "http://x"}, {"address"}),
        ({"dead_letter_stream": "in"}, {"dead_letter_stream"}),
        ({"username": "u"}, {"password"}),
        ({"first_delay": 9, "last_delay": 1}, {"last_delay"}),
        ({"group": "", "key": ""}, {"group", "key"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(ReadingSettings, {"key": "in", **settings})
    assert set(caught.value.errors) == faults


@pytest.mark.evidence("tls")
def test_it_reads_over_tls(tmp_path):
    program = program_with_tls()
    if not program:
        pytest.skip("there is no redis-server with TLS here")
    certificate, key = make_certificate(tmp_path, "IP:127.0.0.1")
    port = free_port()
    lines = tls_lines(port, certificate, key)
    node = Node(tmp_path, f"requirepass {PASSWORD}", *lines, program=program)
    try:
        wait_until(node.answers, 20)
        right: Any = {"host": "127.0.0.1", "port": port, "tls": True, "password": PASSWORD}
        inbox = Inbox()
        with channel(None, inbox, **right, tls_ca=str(certificate)):
            node.client.xadd("in", {"body": "1"})
            inbox.wait(1, 60)
        with pytest.raises(HansaError, match="certificate"), channel(None, inbox, **right):
            pass
    finally:
        node.end()
