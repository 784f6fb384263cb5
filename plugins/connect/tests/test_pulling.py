"""Channels that pull, over a source in memory that checks what it is told."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hansa import Invalid, Request, Response, Unavailable, load
from hansa_connect import handling as module
from hansa_connect.delivery import Delivery
from hansa_connect.pulling import PullingChannel, PullSettings
from hansa_devkit import ChannelContract, Inbox, LocalServer
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.inbox import answer
from hypothesis import given, settings, strategies as st


@dataclass
class Message:
    """One message of the source: `due` is when it may be delivered, `consumer` who has it."""

    number: int
    body: bytes
    due: float = 0.0
    delivered: int = 0
    consumer: object = None


@dataclass
class Source:
    """Keeps messages until they are settled; those of a consumer that goes come again."""

    ready: list[Message] = field(default_factory=list)
    hand: dict[int, Message] = field(default_factory=dict)
    done: list[bytes] = field(default_factory=list)
    dead: list[tuple[bytes, str]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    most_in_hand: int = 0
    fetches: int = 0
    woken: int = 0
    down: bool = False
    numbers: Any = field(default_factory=itertools.count)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def send(self, *bodies: bytes) -> None:
        with self.changed:
            if self.down:
                raise Unavailable("the source is down")
            self.ready += [Message(next(self.numbers), body) for body in bodies]
            self.changed.notify_all()

    def fetch(self, limit: int, wait: float, consumer: object) -> list[Message]:
        ends = time.monotonic() + wait
        with self.changed:
            self.fetches += 1
            woken = self.woken
            while True:
                self.check()
                now = time.monotonic()
                found = [each for each in self.ready if each.due <= now][:limit]
                if found or now >= ends or self.woken != woken:
                    break
                self.changed.wait(min([ends, *(each.due for each in self.ready)]) - now + 0.001)
            for message in found:
                self.ready.remove(message)
                message.delivered += 1
                message.consumer = consumer
                self.hand[message.number] = message
            self.most_in_hand = max(self.most_in_hand, len(self.hand))
            return found

    def settle(self, number: int) -> Message:
        self.check()
        if number not in self.hand:
            self.faults.append(f"{number} is not in hand")
        return self.hand.pop(number)

    def check(self) -> None:
        if self.down:
            raise Unavailable("the source is gone")

    def leave(self, consumer: object) -> None:
        """What this consumer had in hand may be delivered again."""
        with self.changed:
            left = [each for each in self.hand.values() if each.consumer is consumer]
            self.ready += left
            for message in left:
                del self.hand[message.number]
            self.changed.notify_all()

    def fail(self) -> None:
        with self.changed:
            self.down = True
            self.changed.notify_all()


class MemoryChannel(PullingChannel):
    """Pulls from a `Source`."""

    type, Config = "memory", PullSettings
    source: Source

    def connect(self):
        self.source.check()

    def fetch(self, limit, wait):
        for message in self.source.fetch(limit, wait, self):
            redelivered = self.flags_redelivery and message.delivered > 1
            yield Delivery(
                message.number, message.body, {}, redelivered, identity=str(message.number)
            )

    def acknowledge(self, delivery):
        with self.source.changed:
            self.source.done.append(self.source.settle(delivery.tag).body)

    def put_back(self, delivery, delay):
        with self.source.changed:
            message = self.source.settle(delivery.tag)
            message.due = time.monotonic() + delay
            self.source.delays.append(delay)
            self.source.ready.append(message)
            self.source.changed.notify_all()

    def give_up(self, delivery, error):
        with self.source.changed:
            message = self.source.settle(delivery.tag)
            self.source.dead.append((message.body, str(error)))

    def wake(self):
        with self.source.changed:
            self.source.woken += 1
            self.source.changed.notify_all()

    def disconnect(self):
        self.source.leave(self)


class Uncounted(MemoryChannel):
    """The same over a source that does not say what was delivered before."""

    flags_redelivery = False


def make(source: Source, dispatch: Any, cls: Any = MemoryChannel, server: Any = None, **more: Any):
    model = type("Config", (PullSettings, cls.common), {"__doc__": "."})
    given = {"first_delay": 0.001, "last_delay": 0.002, "interval": 0.02, "service": "s", **more}
    one = cls("m", load(model, given), server or LocalServer())
    one.source, one.dispatch = source, dispatch
    return one


def run(one: MemoryChannel, until: Callable[[], bool]) -> None:
    one.start()
    try:
        wait_until(until, 10)
    finally:
        one.stop()
    assert not one.source.faults
    assert not one.source.hand


OUTCOMES = st.lists(
    st.lists(st.sampled_from(["retry", "done", "reject"]), max_size=5), min_size=1, max_size=20
)


@settings(max_examples=25, deadline=None)
@given(
    outcomes=OUTCOMES,
    pool=st.integers(1, 4),
    prefetch=st.integers(1, 6),
    most=st.integers(1, 4),
    cls=st.sampled_from([MemoryChannel, Uncounted]),
)
def test_every_message_is_settled_once_after_the_attempts_it_takes(
    outcomes, pool, prefetch, most, cls
):
    source = Source()
    seen: dict[bytes, list[int]] = {}
    source.send(*[b"%d" % number for number in range(len(outcomes))])
    lock = threading.Lock()

    def dispatch(request: Request) -> Response:
        with lock:
            attempts = seen.setdefault(request.raw, [])
            attempts.append(request.attempt)
            own = outcomes[int(request.raw)]
            return answer(request, own[len(attempts) - 1] if len(attempts) <= len(own) else "done")

    one = make(source, dispatch, cls, pool=pool, prefetch=prefetch, max_attempts=most)
    run(one, lambda: len(source.done) + len(source.dead) == len(outcomes))
    assert source.most_in_hand <= prefetch
    handled = set()
    for number, own in enumerate(outcomes):
        tries = [*own, "done"][:most]
        ended = next((i for i, each in enumerate(tries) if each != "retry"), most - 1)
        assert seen[b"%d" % number] == list(range(1, ended + 2))
        if tries[ended] == "done":
            handled.add(b"%d" % number)
    assert sorted(source.done) == sorted(handled)
    assert len(source.dead) == len(outcomes) - len(handled)
    assert all(0.001 <= delay <= 0.002 for delay in source.delays if delay)


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(1, 30),
    lives=st.lists(st.sampled_from(["stop", "fail"]), min_size=1, max_size=4),
    pool=st.integers(1, 3),
    cls=st.sampled_from([MemoryChannel, Uncounted]),
)
def test_nothing_is_lost_however_its_consumers_end(count, lives, pool, cls):
    source, server, inbox = Source(), LocalServer(), Inbox()
    source.send(*[b"%d" % number for number in range(count)])
    for end in lives:
        seen = len(inbox.requests)
        one = make(source, inbox, cls, server, pool=pool, prefetch=5, max_attempts=100)
        one.start()
        wait_until(lambda seen=seen: len(inbox.requests) > seen or not source.ready, 10)
        if end == "fail":
            source.fail()
        one.stop()
        source.down = False
    run(make(source, inbox, cls, server, max_attempts=100), lambda: len(source.done) == count)
    assert not source.dead
    assert sorted(source.done) == sorted(b"%d" % number for number in range(count))
    assert {request.raw for request in inbox.requests} == set(source.done)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("cls", [MemoryChannel, Uncounted])
def test_what_ends_its_worker_is_given_up_and_nothing_else_with_it(cls):
    """A SystemExit ends the thread without an outcome, as the end of a worker does."""
    source, server, attempts = Source(), LocalServer(), []
    source.send(b"kill", *[b"%d" % number for number in range(8)])

    def dispatch(request: Request) -> Response:
        if request.raw == b"kill":
            attempts.append(request.attempt)
            raise SystemExit
        return answer(request, "done")

    for _ in range(4):
        one = make(source, dispatch, cls, server, pool=2, max_attempts=3)
        known = len(attempts)
        one.start()
        wait_until(lambda known=known: len(attempts) > known or source.dead, 10)
        one.stop()
    assert attempts == [1, 2, 3]
    ((body, why),) = source.dead
    assert body == b"kill" and "each worker that handled it ended" in why
    assert len(source.done) == 8


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("cls", [MemoryChannel, Uncounted])
def test_what_was_begun_when_a_worker_ended_is_not_given_up_with_what_ends_the_next_ones(cls):
    source, server, begun = Source(), LocalServer(), []
    source.send(b"kill", b"1", b"2", b"3")

    def end(request: Request) -> Response:
        begun.append(request.raw)
        raise SystemExit

    def dispatch(request: Request) -> Response:
        if request.raw == b"kill":
            end(request)
        return answer(request, "done")

    one = make(source, end, cls, server, pool=4, max_attempts=3)
    one.start()
    wait_until(lambda: len(begun) == 4, 10)
    one.stop()
    while not source.dead:
        source.ready.sort(key=lambda message: message.number)
        one = make(source, dispatch, cls, server, pool=1, max_attempts=3)
        known = len(begun)
        one.start()
        wait_until(
            lambda known=known: len(begun) > known or len(source.dead) + len(source.done) == 4, 10
        )
        wait_until(one._fresh.empty, 10)
        one.stop()
    assert begun.count(b"kill") == 3
    assert [body for body, _ in source.dead] == [b"kill"]
    assert sorted(source.done) == [b"1", b"2", b"3"]


def test_what_a_service_fails_on_delays_no_other_message():
    source, held = Source(), threading.Event()
    source.send(*[b"%d" % number for number in range(4)])

    def dispatch(request: Request) -> Response:
        if request.attempt == 1:
            return answer(request, "retry")
        if request.raw == b"0":
            held.wait(10)
        return answer(request, "done")

    one = make(source, dispatch, pool=2)
    one.start()
    wait_until(lambda: sorted(source.done) == [b"1", b"2", b"3"], 10)
    held.set()
    one.stop()
    assert len(source.done) == 4


def test_stop_puts_back_what_was_not_begun_and_finishes_what_was():
    source, going, begun = Source(), threading.Event(), threading.Event()
    source.send(*[b"%d" % number for number in range(6)])

    def dispatch(request: Request) -> Response:
        begun.set()
        going.wait(10)
        return answer(request, "done")

    one = make(source, dispatch, pool=1, prefetch=4)
    one.start()
    assert begun.wait(10)
    wait_until(lambda: len(source.hand) == 4, 5)
    stopping = threading.Thread(target=one.stop)
    stopping.start()
    wait_until(lambda: len(source.hand) == 1, 5, "what was not begun is back")
    assert len(source.ready) == 5
    going.set()
    stopping.join(10)
    assert source.done == [b"0"]
    assert source.delays == [0.0] * 3


def test_stop_puts_back_what_it_finds_to_have_begun_before():
    source, asked, going = Source(), threading.Event(), threading.Event()

    def count(message: str) -> int:
        asked.set()
        going.wait(60)
        return 2

    one = make(source, Inbox(), Uncounted, pool=1)
    one.start()
    one._attempts.count = count
    source.send(b"suspect")
    assert asked.wait(10)
    stopping = in_background(one.stop)
    wait_until(lambda: sum(thread.is_alive() for thread in one._threads) == 1, 10)
    going.set()
    stopping.result(30)
    assert source.delays == [0.0]
    assert not one.dispatch.requests


class Forgetful(MemoryChannel):
    """Over a source that keeps nothing: what it has sent is in `sent` until it is fetched."""

    def connect(self):
        self.sent = [b"%d" % number for number in range(6)]
        self.cancelled = False
        self.dead: list[tuple[bytes, str]] = []
        self.waiting: list[Delivery] = []

    def fetch(self, limit, wait):
        found, self.sent = self.sent[:limit], self.sent[limit:]
        return [self.made(body) for body in found]

    def made(self, body):
        return Delivery(body, body, {}, identity=body.decode())

    def delivers_again(self, delivery):
        return delivery.body.startswith(b"kept")

    def cancel(self):
        self.cancelled = True
        self.sent.append(b"on its way")

    def unfetched(self):
        found = [*self.waiting, *map(self.made, self.sent)]
        self.waiting, self.sent = [], []
        return found

    def acknowledge(self, delivery):
        self.source.done.append(delivery.body)

    def put_back(self, delivery, delay):
        self.waiting.append(delivery)

    def give_up(self, delivery, error):
        self.dead.append((delivery.body, str(error)))


def begun(one: Forgetful, going: threading.Event) -> Any:
    """Start a channel whose first message waits for `going`, and stop it; returns the stopping."""
    held = threading.Event()
    answers = one.dispatch

    def dispatch(request: Request) -> Response:
        held.set()
        assert going.wait(30)
        return answers(request)

    one.dispatch = dispatch
    one.start()
    assert held.wait(10)
    wait_until(lambda: one._in_hand == 4, 10)
    stopping = in_background(one.stop)
    wait_until(lambda: one.cancelled or one._lost.is_set(), 10)
    return stopping


def test_what_a_source_does_not_deliver_again_is_handled_to_its_end():
    inbox = Inbox()
    one = make(Source(), inbox, Forgetful, pool=1, prefetch=4)
    going = threading.Event()
    stopping = begun(one, going)
    going.set()
    stopping.result(30)
    expected = [*[b"%d" % number for number in range(6)], b"on its way"]
    assert one.source.done == [request.raw for request in inbox.requests] == expected
    assert not one.dead and not one.waiting


def test_what_fails_while_its_channel_ends_is_given_up_with_its_cause():
    def dispatch(request: Request) -> Response:
        return answer(request, "retry" if request.raw == b"3" else "done")

    one = make(Source(), dispatch, Forgetful, pool=1, prefetch=4, max_attempts=5)
    going = threading.Event()
    stopping = begun(one, going)
    going.set()
    stopping.result(30)
    assert [body for body, _ in one.dead] == [b"3"]
    assert len(one.source.done) == 6


def test_what_is_not_begun_within_the_grace_is_given_up_and_what_comes_again_is_put_back():
    server = LocalServer()
    server.grace = 0.2
    one = make(Source(), Inbox(), Forgetful, server, pool=1, prefetch=4)
    going = threading.Event()
    kept = [one.made(b"kept")]
    one.unfetched = lambda: [kept.pop()] if kept else []
    stopping = begun(one, going)
    wait_until(lambda: time.monotonic() > one._drained_until, 10)
    going.set()
    stopping.result(30)
    assert one.source.done == [b"0"]
    assert [body for body, _ in one.dead] == [b"1", b"2", b"3"]
    assert all("grace" in why for _, why in one.dead)
    assert [delivery.body for delivery in one.waiting] == [b"kept"]


def test_what_a_source_sent_before_it_was_lost_is_handled():
    inbox = Inbox()
    one = make(Source(), inbox, Forgetful, pool=1, prefetch=4)
    failing = threading.Event()
    fetch = one.fetch

    def lost(limit, wait):
        if failing.is_set():
            raise Unavailable("the source is gone")
        return fetch(limit, wait)

    one.fetch = lost
    held, going = threading.Event(), threading.Event()

    def dispatch(request: Request) -> Response:
        held.set()
        assert going.wait(30)
        return inbox(request)

    one.dispatch = dispatch
    one.start()
    assert held.wait(10)
    wait_until(lambda: one._in_hand == 4, 10)
    failing.set()
    one.lost(Unavailable("the source is gone"))
    stopping = in_background(one.stop)
    going.set()
    stopping.result(30)
    wait_until(lambda: len(inbox.requests) == 6, 10)
    assert not one.cancelled, "a source that is lost is not asked"


def test_a_source_that_fails_is_reported_and_not_asked_again():
    source, server = Source(), LocalServer()
    one = make(source, Inbox(), server=server)
    one.start()
    source.fail()
    wait_until(lambda: one in server.losses, 5)
    assert "the source is gone" in str(server.losses[one])
    asked = source.fetches
    one.stop()
    assert source.fetches == asked


def test_without_a_source_stop_waits_for_no_service():
    source, server, going = Source(), LocalServer(), threading.Event()
    source.send(b"slow")

    def dispatch(request: Request) -> Response:
        going.wait(10)
        return answer(request, "done")

    one = make(source, dispatch, server=server)
    one.start()
    wait_until(lambda: source.hand, 5)
    source.fail()
    wait_until(lambda: one in server.losses, 5)
    began = time.monotonic()
    one.stop()
    assert time.monotonic() - began < 5
    source.down = False
    going.set()
    wait_until(lambda: not any(thread.is_alive() for thread in one._threads), 5)
    assert [each.body for each in source.ready] == [b"slow"]


def test_an_empty_source_is_asked_once_in_each_interval():
    source = Source()
    one = make(source, Inbox(), interval=0.05)
    one.fetch = lambda limit, wait: source.fetch(limit, 0.0, one)
    began = time.monotonic()
    one.start()
    wait_until(lambda: source.fetches >= 4, 10)
    one.stop()
    assert source.fetches <= 1 + (time.monotonic() - began) / 0.05


@pytest.mark.parametrize(
    ("pool", "prefetch", "least"), [(2, 10, 5), (10, 10, 1), (20, 10, 1), (3, 1, 1), (4, 6, 3)]
)
def test_several_messages_are_asked_for_at_a_time(pool, prefetch, least):
    source, limits = Source(), []
    one = make(source, Inbox(), pool=pool, prefetch=prefetch)

    def fetch(limit, wait):
        limits.append(limit)
        return MemoryChannel.fetch(one, limit, wait)

    one.fetch = fetch
    source.send(*[b"x"] * 60)
    run(one, lambda: len(source.done) == 60)
    assert limits[0] == prefetch
    assert min(limits) >= least and max(limits) <= prefetch


@pytest.mark.parametrize(("pool", "prefetch"), [(2, 10), (10, 10), (20, 10), (3, 1), (4, 6)])
def test_no_thread_waits_for_a_message_that_is_there(pool, prefetch):
    source, inbox, going = Source(), Inbox(), threading.Event()
    numbers = itertools.count()

    def all_but_the_first_take_their_time(request):
        number = next(numbers)
        inbox(request)
        if number:
            going.wait(30)
        return answer(request, "done")

    one = make(source, all_but_the_first_take_their_time, pool=pool, prefetch=prefetch)
    source.send(*[b"x"] * 60)
    one.start()
    try:
        wait_until(lambda: len(inbox.requests) == 1 + min(pool, prefetch), 30)
    finally:
        going.set()
        one.stop()
    assert not source.faults


def test_stop_wakes_a_fetch_that_waits_for_messages():
    source = Source()
    one = make(source, Inbox(), interval=60)
    one.start()
    wait_until(lambda: source.fetches == 1, 5)
    began = time.monotonic()
    one.stop()
    assert time.monotonic() - began < module.LONGEST_FETCH / 2


def test_a_fetch_that_does_not_return_is_aborted(monkeypatch):
    monkeypatch.setattr(module, "STOP_WAIT", 0.05)
    aborted = threading.Event()

    class Stuck(MemoryChannel):
        def fetch(self, limit, wait):
            aborted.wait(10)
            raise Unavailable("aborted")

        def abort(self):
            aborted.set()

    one = make(Source(), Inbox(), Stuck)
    one.start()
    one.stop()
    assert aborted.is_set()


def test_stop_does_not_wait_for_ever_for_a_fetch_that_cannot_be_aborted(monkeypatch, caplog):
    monkeypatch.setattr(module, "STOP_WAIT", 0.05)
    monkeypatch.setattr(module, "LONGEST_FETCH", 0.05)
    going = threading.Event()

    class Stuck(MemoryChannel):
        def fetch(self, limit, wait):
            going.wait(60)
            return []

    one = make(Source(), Inbox(), Stuck)
    one.start()
    one.stop()
    assert "does not end: it is left behind" in caplog.text
    going.set()


def test_too_large_or_malformed_a_message_is_given_up_unhandled():
    source, inbox = Source(), Inbox()
    source.send(b"x" * 11, b"ok")
    run(make(source, inbox, max_body=10), lambda: bool(source.dead) and bool(source.done))
    ((body, why),) = source.dead
    assert body == b"x" * 11 and "max_body is 10" in why
    assert [request.raw for request in inbox.requests] == [b"ok"]


def test_the_longest_pause_is_not_less_than_the_first():
    with pytest.raises(Invalid, match="last_delay"):
        load(PullSettings, {"first_delay": 2, "last_delay": 1})


class TestContract(ChannelContract):
    """Held to the conformance kit."""

    cls = MemoryChannel
    good = {"first_delay": 0.01, "interval": 0.05}

    @pytest.fixture(autouse=True)
    def _source(self, monkeypatch):
        self.source = Source()
        monkeypatch.setattr(MemoryChannel, "source", self.source, raising=False)

    def send(self, raw):
        self.source.send(raw)

    def peer_down(self):
        self.source.fail()

    def peer_up(self):
        self.source.down = False

    test_is_documented = None  # type: ignore[assignment] # its class is a test's


def test_a_channel_gets_the_answers_of_its_service():
    source, answers = Source(), []
    source.send(b"question", b"malformed")

    class Answering(MemoryChannel):
        def answered(self, delivery, response):
            answers.append((delivery.body, response.raw, response.ok))

    def dispatch(request: Request) -> Response:
        return answer(request, "reject" if request.raw == b"malformed" else "done")

    run(make(source, dispatch, Answering), lambda: len(source.done + source.dead) == 2)
    assert sorted(answers) == [(b"malformed", b"rejected", False), (b"question", b"ok", True)]


def test_what_cannot_be_given_up_ends_no_drain_and_is_told_as_lost(caplog):
    """With one thread, and a source that takes no dead letters."""

    def dispatch(request: Request) -> Response:
        return answer(request, "reject" if request.raw == b"1" else "done")

    one = make(Source(), dispatch, Forgetful, pool=1, prefetch=4)

    def refuse(delivery, error):
        raise Unavailable("no dead letters are taken")

    one.give_up = refuse
    going = threading.Event()
    stopping = begun(one, going)
    going.set()
    stopping.result(30)
    assert sorted(one.source.done) == [b"0", b"2", b"3", b"4", b"5", b"on its way"]
    (told,) = [record for record in caplog.records if "lost" in record.message]
    assert told.levelname == "ERROR" and "no dead letters are taken" in told.message


def test_what_is_put_back_as_its_channel_ends_is_not_forgotten():
    """Its service failed before the end; that there was to be another attempt is known after it."""
    one = make(Source(), Inbox("retry"), Forgetful, pool=1, prefetch=4)
    deciding, going = threading.Event(), threading.Event()
    decided = one._has_further_attempt

    def has_further_attempt(delivery):
        found = decided(delivery)
        if not deciding.is_set():
            deciding.set()
            assert going.wait(30)
        return found

    one._has_further_attempt = has_further_attempt
    one.start()
    assert deciding.wait(10)
    stopping = in_background(one.stop)
    wait_until(lambda: one.cancelled, 10)
    going.set()
    stopping.result(30)
    assert not one.waiting
    assert b"0" in [body for body, _ in one.dead]


def test_what_came_before_a_source_was_lost_at_the_end_is_handled():
    one = make(Source(), Inbox(), Forgetful, pool=1, prefetch=4)
    going = threading.Event()

    def cancel():
        one.cancelled = True
        raise Unavailable("the source is gone")

    one.cancel = cancel
    stopping = begun(one, going)
    going.set()
    stopping.result(30)
    assert one.source.done == [b"%d" % number for number in range(6)]
