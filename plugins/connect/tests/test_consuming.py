"""Channels of brokers, over a broker in memory that checks every acknowledgement as RabbitMQ does."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from hansa import Invalid, Request, Response, Unavailable, load
from hansa_connect.attempts import AttemptCounter, message_digest
from hansa_connect.consuming import ConsumerSettings, ConsumingChannel
from hansa_connect.delivery import HISTORY, Delivery, essential_headers
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.inbox import answer
from hypothesis import given, settings, strategies as st


class Broker:
    """A queue, what is in hand of each consumer, and dead letters."""

    def __init__(self, *bodies: bytes) -> None:
        self.ready: deque[Any] = deque((body, {}, False) for body in bodies)
        self.dead: list[Any] = []
        self.faults: list[Any] = []
        self.down = False
        self.lock = threading.RLock()


class MemoryChannel(ConsumingChannel):
    """Consumes a `Broker`."""

    type, Config, prefetch = "memory", ConsumerSettings, 5
    broker: Broker

    def connect(self):
        if self.broker.down:
            raise Unavailable("the broker is down")
        self.calls: SimpleQueue[Any] = SimpleQueue()
        self.hand: dict[Any, Any] = {}
        self.number = 0
        self.cancelled = False

    def receive(self):
        while True:
            if self.broker.down:
                raise Unavailable("the broker is gone")
            with self.broker.lock:
                if not self.cancelled and self.broker.ready and len(self.hand) < self.prefetch:
                    self.number += 1
                    self.hand[self.number] = message = self.broker.ready.popleft()
                    body, headers, redelivered = message
                    self.take(Delivery(self.number, body, headers, redelivered, identity="i"))
                    continue
            try:
                self.calls.get(timeout=0.01)()
                return
            except Empty:
                continue

    def wake(self, call):
        self.calls.put(call)

    def acknowledge(self, delivery, multiple):
        if delivery.tag not in self.hand:
            self.broker.faults.append(f"unknown delivery tag {delivery.tag}")
        for tag in [
            tag for tag in self.hand if tag == delivery.tag or (multiple and tag < delivery.tag)
        ]:
            del self.hand[tag]

    def give_back(self, delivery):
        if delivery.tag not in self.hand:
            self.broker.faults.append(f"unknown delivery tag {delivery.tag}")
        body, headers, _ = self.hand.pop(delivery.tag)
        self.broker.ready.append((body, headers, True))

    def cancel(self):
        self.cancelled = True

    def forward(self, delivery, headers, dead):
        if any(
            len(str(value)) > 1000
            for name, value in headers.items()
            if not str(name).startswith("x-hansa-")
        ):
            raise Invalid("too long")
        with self.broker.lock:
            (self.broker.dead if dead else self.broker.ready).append(
                (delivery.body, headers, False)
            )

    def disconnect(self):
        with self.broker.lock:
            self.broker.ready.extendleft(
                (body, headers, True) for body, headers, _ in getattr(self, "hand", {}).values()
            )
            self.hand = {}


def make(broker, dispatch, server=None, **settings):
    model = type("Config", (ConsumerSettings, ConsumingChannel.common), {"__doc__": "."})
    given = {"service": "s", "first_delay": 0.001, "last_delay": 0.002, **settings}
    one = MemoryChannel("m", load(model, given), server or LocalServer())
    one.broker, one.dispatch = broker, dispatch
    return one


def run(broker, dispatch, until, **settings):
    one = make(broker, dispatch, **settings)
    one.start()
    try:
        wait_until(until, 10)
    finally:
        one.stop()
    assert not broker.faults
    return one


@settings(max_examples=40, deadline=None)
@given(
    outcomes=st.lists(
        st.lists(st.sampled_from(["retry", "done", "reject"]), max_size=5), max_size=25
    ),
    pool=st.integers(1, 5),
    most=st.integers(1, 4),
)
def test_every_message_ends_handled_or_dead_and_is_acknowledged_once(outcomes, pool, most):
    broker = Broker(*[b"%d" % number for number in range(len(outcomes))])
    seen: dict[int, list[int]] = {number: [] for number in range(len(outcomes))}
    lock = threading.Lock()

    def dispatch(request: Request) -> Response:
        number = int(request.raw)
        with lock:
            seen[number].append(request.attempt)
            turn = len(seen[number]) - 1
        return answer(request, outcomes[number][turn] if turn < len(outcomes[number]) else "done")

    one = make(broker, dispatch, pool=pool, max_attempts=most)

    def ended() -> bool:
        return not broker.ready and not one.hand

    one.start()
    try:
        wait_until(ended, 10)
    finally:
        one.stop()
    expected_dead = set()
    for number, planned in enumerate(outcomes):
        turns = 0
        for turns, outcome in enumerate([*planned, "done"], 1):
            if outcome == "reject" or (outcome == "retry" and turns == most):
                expected_dead.add(number)
            if outcome != "retry" or turns == most:
                break
        assert seen[number] == list(range(1, turns + 1))
    assert {int(body) for body, _, _ in broker.dead} == expected_dead
    assert not broker.faults
    assert not broker.ready


def test_a_slow_message_holds_up_no_other():
    broker, going = Broker(b"slow", *[b"quick"] * 30), threading.Event()

    def dispatch(request):
        if request.raw == b"slow":
            going.wait(10)
        return answer(request, "done")

    one = make(broker, dispatch, pool=2)
    one.start()
    wait_until(lambda: not broker.ready and len(one.hand) == 1, 10)
    going.set()
    one.stop()
    assert not broker.ready and not broker.faults


def test_what_was_not_begun_is_given_back_before_stop_waits():
    broker, going, inbox = (
        Broker(*[b"%d" % number for number in range(5)]),
        threading.Event(),
        Inbox(),
    )

    def dispatch(request):
        inbox(request)
        going.wait(10)
        return answer(request, "done")

    one = make(broker, dispatch, pool=2)
    one.start()
    inbox.wait(2, 10)
    stopping = threading.Thread(target=one.stop)
    stopping.start()
    wait_until(lambda: len(broker.ready) == 3, 10)
    assert stopping.is_alive()
    going.set()
    stopping.join(10)
    assert len(broker.ready) == 3 and all(redelivered for _, _, redelivered in broker.ready)
    assert len(inbox.requests) == 2 and not broker.faults


def test_a_broker_that_is_gone_is_told_to_core_and_nobody_waits_for_services():
    broker, going, inbox = Broker(b"long"), threading.Event(), Inbox()

    def dispatch(request):
        inbox(request)
        going.wait(20)
        return answer(request, "done")

    one = make(broker, dispatch)
    one.start()
    inbox.wait(1, 10)
    broker.down = True
    wait_until(lambda: one.server.losses, 10)
    began = time.monotonic()
    one.stop()
    assert time.monotonic() - began < 5
    going.set()
    assert [redelivered for _, _, redelivered in broker.ready] == [True]


def test_where_dead_letters_cannot_go_the_message_stays():
    broker = Broker(b"bad")
    one = make(broker, Inbox("reject"))
    one.forward = lambda *arguments: (_ for _ in ()).throw(Unavailable("no queue takes it"))
    one.start()
    wait_until(lambda: one.server.losses, 10)
    one.stop()
    assert "no queue takes it" in str(one.server.losses[one])
    assert [body for body, _, _ in broker.ready] == [b"bad"]


def test_nothing_is_begun_before_the_worker_is_ready():
    broker, inbox, server = Broker(b"early"), Inbox(), LocalServer(ready=False)
    one = make(broker, inbox, server)
    one.start()
    wait_until(lambda: one.hand, 10)
    assert not inbox.has(1, 0.3)
    server.ready = True
    inbox.wait(1, 10)
    one.stop()
    other = make(Broker(b"late"), inbox, LocalServer(ready=False))
    other.start()
    wait_until(lambda: other.hand, 10)
    other.stop()
    assert [redelivered for _, _, redelivered in other.broker.ready] == [True]


def test_headers_that_the_broker_cannot_take_are_left_out():
    broker = Broker()
    broker.ready.append((b"bad", {"long": "x" * 2000, "x-hansa-own": "kept"}, False))
    run(broker, Inbox("reject"), lambda: broker.dead)
    ((_, headers, _),) = broker.dead
    assert "long" not in headers
    assert headers["x-hansa-own"] == "kept"
    assert headers["x-hansa-cause"].startswith("Invalid: ")


def test_messages_that_cannot_be_handled_are_dead_letters():
    broker = Broker(b"x" * 11, b"x" * 10)
    inbox = Inbox()
    run(broker, inbox, lambda: broker.dead and inbox.requests, max_body=10)
    assert [len(request.raw) for request in inbox.requests] == [10]
    assert (
        broker.dead[0][1]["x-hansa-cause"] == "TooLarge: the message has 11 bytes; max_body is 10"
    )


# -- what a crash must not forget ------------------------------------------------------------------


class Crash(BaseException):
    """The end of a worker."""


def test_a_message_that_ends_its_worker_is_given_up_and_no_other_with_it(tmp_path):
    """Each round is a worker: it stops dead, as far as its threads can, and all that it had in hand
    is delivered again.
    """
    broker = Broker(
        *[b"good-%d" % number for number in range(3)],
        b"crash",
        *[b"more-%d" % number for number in range(20)],
    )
    begun, done = [], set()
    for _ in range(10):
        dead, server = threading.Event(), LocalServer(directory=tmp_path)

        def dispatch(request, dead=dead):
            if request.raw == b"crash":
                begun.append(request.attempt)
                dead.set()
            if dead.is_set():
                time.sleep(0.05)
                raise Crash
            done.add(request.raw)
            return answer(request, "done")

        one = make(broker, dispatch, server, pool=3, max_attempts=3)
        one._finished = lambda delivery, one=one, dead=dead: (
            None if dead.is_set() else MemoryChannel._finished(one, delivery)
        )
        hook, threading.excepthook = threading.excepthook, lambda arguments: None
        one.start()
        wait_until(lambda dead=dead: dead.is_set() or broker.dead, 10)
        one.stop()
        threading.excepthook = hook
        if broker.dead:
            break
    ((body, headers, _),) = broker.dead
    assert (body, headers["x-hansa-attempts"]) == (b"crash", 3)
    assert begun == [1, 2, 3]


@pytest.fixture(params=["files", "redis"])
def server(request, tmp_path, real_server):
    if request.param == "files":
        return with_files(tmp_path)
    from hansa_devkit.servers_redis import Redis
    from hansa_redis.bus import RedisBus

    return LocalServer(bus=RedisBus(real_server(Redis).address, str(tmp_path)))


def with_files(folder):
    """A server whose records are the files of the product."""
    return LocalServer(directory=folder)


def test_counts_outlive_the_worker_and_are_those_of_one_channel(server):
    first, again, other = (
        AttemptCounter(server, "channel memory a"),
        AttemptCounter(server, "channel memory a"),
        AttemptCounter(server, "../\0\n"),
    )
    name, another = message_digest(b"body", "id", 1), message_digest(b"body", "id", 2)
    assert [first.count(name), again.count(name), first.count(name)] == [1, 2, 3]
    assert first.count(another) == other.count(name) == 1
    again.forget(name)
    first.forget(name)
    assert first.count(name) == 1


def test_while_redis_is_down_files_count(tmp_path):
    from hansa_redis.bus import RedisBus

    server = LocalServer(directory=tmp_path, bus=RedisBus("redis://127.0.0.1:1", "test"))
    begun = AttemptCounter(server, "a")
    assert [begun.count("message"), begun.count("message")] == [1, 2]
    begun.forget("message")
    assert begun.count("message") == 1
    (file,) = tmp_path.glob("begun/*.count")
    os.utime(file, (time.time() - 90_000,) * 2)
    assert AttemptCounter(server, "a").count("message") == 1


def test_counts_of_others_are_forgotten_after_a_day(tmp_path):
    server = with_files(tmp_path)
    AttemptCounter(server, "a").count("old")
    (file,) = tmp_path.glob("begun/*.count")
    os.utime(file, (time.time() - 90_000,) * 2)
    assert AttemptCounter(server, "a").count("old") == 1


# -- headers ---------------------------------------------------------------------------------------


def test_the_history_keeps_the_last_entries():
    headers: dict[str, Any] = {}
    for number in range(1, HISTORY + 6):
        delivery = Delivery(1, b"", headers, origin={"queue": "q"})
        assert delivery.attempt == number
        headers = delivery.failure_headers(ValueError(f"{number}" + "x" * 5000), "c")
    assert len(headers["x-hansa-history"]) == HISTORY
    assert f"attempt {HISTORY + 5}: ValueError: {HISTORY + 5}xxx" in headers["x-hansa-history"][-1]
    assert len(headers["x-hansa-cause"]) == 1000
    assert headers["x-hansa-queue"] == "q"
    assert headers["x-hansa-first"] <= headers["x-hansa-last"]


def test_a_cause_is_one_that_any_broker_takes():
    error = OSError("caf\udce9" + "\udce9" * 900)
    headers = Delivery(1, b"", {}).failure_headers(error, "c")
    assert headers["x-hansa-cause"].startswith(r"OSError: caf\udce9\udce9")
    assert len(headers["x-hansa-cause"].encode()) == 1000
    assert headers["x-hansa-history"][0].encode()


JUNK = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.lists(st.integers())
    | st.floats()
)


@given(
    headers=st.dictionaries(
        st.sampled_from(["attempts", "cid", "history", "first", "queue"]), JUNK
    ),
    more=st.dictionaries(st.text() | st.binary(), JUNK),
)
def test_forged_headers_break_nothing(headers, more):
    forged = {**more, **{f"x-hansa-{name}": value for name, value in headers.items()}}
    delivery = Delivery(1, b"", forged, origin={"queue": "q"})
    assert delivery.attempt >= 1
    assert 1 <= len(delivery.cid) <= 64
    request = delivery.request()
    assert all(
        isinstance(name, str) and isinstance(value, str) for name, value in request.headers.items()
    )
    told = delivery.failure_headers(ValueError("x"), "c")
    assert told["x-hansa-attempts"] == delivery.attempt
    assert isinstance(told["x-hansa-history"], list)
    assert all(isinstance(value, str | int) for value in essential_headers(told).values())


def test_services_see_headers_as_text_and_nested_ones_as_json():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    headers = {"A": [1, {"c": None, b"d": moment}], b"B": b"\xc3\xa9", "C": True, "D": {"e": "é"}}
    found = Delivery(1, b"", headers).request()
    assert found.headers == {
        "a": '[1, {"c": null, "d": "2026-01-01 00:00:00+00:00"}]',
        "b": "é",
        "c": "True",
        "d": '{"e": "é"}',
    }
    assert found.extra["headers"] is headers


def test_what_fails_in_the_moment_of_a_stop_is_given_up_if_it_does_not_come_again():
    """That there was to be another attempt is known before the stop, and the pause begins after it."""
    broker = Broker(b"a")
    one = make(broker, lambda request: answer(request, "retry"), pool=1)
    one.delivers_again = lambda delivery: False
    deciding, going = threading.Event(), threading.Event()
    decided = one._has_further_attempt

    def has_further_attempt(delivery):
        found = decided(delivery)
        deciding.set()
        assert going.wait(30)
        return found

    one._has_further_attempt = has_further_attempt
    one.start()
    assert deciding.wait(10)
    stopping = in_background(one.stop)
    wait_until(lambda: one.cancelled and not one._fresh.empty(), 10)
    going.set()
    stopping.result(30)
    assert [body for body, _, _ in broker.dead] == [b"a"]
