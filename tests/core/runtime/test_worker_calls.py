"""Calls of services in workers by name: answered side by side, with limits, and told who did not
answer.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import (
    Conflict,
    HansaError,
    Invalid,
    Misused,
    Request,
    Service,
    TimedOut,
    TooLarge,
    Unavailable,
    WorkerAnswer,
)
from hansa.cluster.cluster import Cluster
from hansa.cluster.leases import Leases
from hansa.cluster.odb_bus import OdbBus
from hansa.contract.registry import RegisteredService
from hansa.odb.keys import Keys
from hansa.plugins.registry import Registry
from hansa.runtime import worker_calls as module
from hansa.runtime.invoke import Invocations
from hansa.runtime.objects import Objects
from hansa.runtime.worker_calls import WorkerCalls, mailbox
from hansa.runtime.worker_messages import WorkerCall, decode, encode
from hansa_devkit.harness.waiting import wait_until

from tests.core.stores import Stores

ASKED = ("s/0.1", "s/1.1")


class Echo(Service):
    name = "echo"

    def handle(self) -> Any:
        request = self.request
        return {"payload": request.payload, "cid": request.cid, "extra": dict(request.extra)}


class Fails(Service):
    name = "fails"
    errors: dict[str, BaseException] = {
        "ours": Conflict("taken"),
        "other": ValueError("\ud800"),
        "exit": SystemExit(3),
        "long": Conflict("x" * 2_000_000),
    }

    def handle(self) -> Any:
        raise self.errors[self.request.payload]


class Waits(Service):
    name = "waits"
    go = threading.Event()
    entered = threading.Semaphore(0)

    def handle(self) -> Any:
        Waits.entered.release()
        Waits.go.wait(30)


def nested(depth: int) -> list[Any]:
    """Lists in each other."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


class Odd(Service):
    name = "odd"
    answers = {"a": object(), "": "x" * 1_100_000, "deep": nested(1_000_000)}

    def handle(self) -> Any:
        return self.answers[self.request.payload]


class World:
    """Two workers that answer, and one that asks, over the ODB."""

    def __init__(self, store: Stores) -> None:
        services = (Echo, Fails, Waits, Odd)
        registry = Registry()
        found = [RegisteredService(cls.name, cls, "x.py", 1) for cls in services]
        registry.replace_services("x.py", found)
        self.store = store
        self.bus = OdbBus(store.engine)
        server: Any = SimpleNamespace(name="s")
        none: Any = None
        leases = Leases(self.bus, "w")
        self.objects = Objects(server, registry, none, none, leases, list)
        calls = Invocations(registry, self.objects.router)
        cluster = Cluster("c", store.database, Keys("A" * 43 + "="), self.bus, lambda: None)
        self.cluster = cluster
        self.answering = [WorkerCalls(name, self.bus, cluster, calls) for name in ASKED]
        for name, each in zip(ASKED, self.answering, strict=True):
            store.reports.report(name, "s", 0)
            each.start()
        self.asking = WorkerCalls("t/0.1", self.bus, cluster, calls)

    def error(self, payload: str, service: str = "fails") -> HansaError:
        """What a service raises in the other worker."""
        error = self.asking.ask(ASKED[:1], service, payload, timeout=30)[ASKED[0]].error
        assert error is not None
        return error


@pytest.fixture
def world(store: Stores) -> Iterator[World]:
    Waits.go.clear()
    made = World(store)
    yield made
    Waits.go.set()
    for each in made.answering:
        each.stop(30)
    made.objects.stop()


def test_each_worker_answers(world: World) -> None:
    given = {"number": 7, "text": "ä"}
    found = world.asking.ask(ASKED, "echo", given, cid="K1", timeout=30, extra={"a": 1})
    assert list(found) == list(ASKED)
    for name, answer in found.items():
        assert (answer.worker, answer.pid, answer.ok) == (name, os.getpid(), True)
        assert answer.result() == {"payload": given, "cid": "K1", "extra": {"a": 1}}
    assert world.cluster.workers() == world.cluster.workers("s") == list(ASKED)
    assert world.cluster.workers("t") == []


def test_errors_come_back_by_their_code(world: World) -> None:
    ours = world.error("ours")
    assert isinstance(ours, Conflict) and (ours.detail, ours.status) == ("taken", 409)
    assert "s/0.1" in ours.reason
    for payload in ("other", "exit"):
        assert world.error(payload).internal
    assert world.error("long").code == "conflict"
    missing = world.error("", "nope")
    assert (missing.code, missing.internal) == ("undefined", True)
    odd = [world.error(answer, "odd").code for answer in Odd.answers]
    assert odd == ["invalid", "too-large", "invalid"]
    with pytest.raises(Conflict):
        world.asking.ask(ASKED[:1], "fails", "ours", timeout=30)[ASKED[0]].result()


def test_who_does_not_answer_is_told(world: World) -> None:
    world.store.reports.report("u/0.1", "u", 0)  # nobody collects its mail
    found = world.asking.ask(["u/0.1", ASKED[0], "v/0.1"], "echo", timeout=1)
    assert list(found) == ["u/0.1", ASKED[0], "v/0.1"]
    late, there, unknown = found.values()
    assert isinstance(late.error, TimedOut) and late.pid == 0
    assert there.ok
    assert unknown.error is not None and unknown.error.code == "not-found"


def test_a_worker_that_ends_is_not_waited_for(world: World) -> None:
    world.store.reports.report("u/0.1", "u", 0)
    ending = threading.Timer(0.2, lambda: world.store.reports.forget("u/0.1"))
    ending.start()
    (answer,) = world.asking.ask(["u/0.1"], "echo", timeout=60).values()
    assert answer.error is not None and "ended while it was asked" in answer.error.detail
    ending.join()


def test_no_more_than_so_many_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = [
        threading.Thread(target=world.asking.ask, args=(ASKED[:1], "waits"), kwargs={"timeout": 60})
        for _ in range(module.AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    try:
        assert all(Waits.entered.acquire(timeout=60) for _ in threads)
        busy = world.error("", "echo")
        assert (busy.code, busy.status) == ("unavailable", 503)
        assert world.asking.ask(ASKED[1:], "echo", timeout=30)[ASKED[1]].ok
    finally:
        Waits.go.set()
        for thread in threads:
            thread.join(60)
    wait_until(lambda: world.asking.ask(ASKED[:1], "echo", timeout=30)[ASKED[0]].ok)


def test_what_came_too_late_or_cannot_be_read_is_not_carried_out(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    late = WorkerCall("waits", "answers x", 1.0, "K1")
    world.bus.post(mailbox(ASKED[0]), encode(late, "it"), 30)
    world.bus.post(mailbox(ASKED[0]), b"[1]", 30)
    deep = encode(WorkerCall("waits", "answers x", time.time() + 60, "K1", 7), "it")
    world.bus.post(mailbox(ASKED[0]), deep.replace(b"7}", b"[" * 2000 + b"]" * 2000 + b"}"), 30)
    wait_until(lambda: "too late" in caplog.text and caplog.text.count("cannot be read") == 2)
    assert not Waits.entered.acquire(blocking=False)
    assert world.asking.ask(ASKED[:1], "echo", timeout=30)[ASKED[0]].ok


def test_a_worker_without_a_thread_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading, "Thread", Refused)
        for _ in range(module.AT_ONCE + 1):
            error = world.error("", "echo")
            assert error.code == "unavailable" and "thread" in error.detail
    assert world.asking.ask(ASKED[:1], "echo", timeout=30)[ASKED[0]].ok


def test_nobody_is_asked_once_the_time_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = []

    def post_slowly(to: str, message: bytes, seconds: float) -> None:
        posted.append(to)
        call = decode(message, WorkerCall)
        assert call is not None
        wait_until(lambda: time.time() > call.until)

    monkeypatch.setattr(world.bus, "post", post_slowly)
    found = world.asking.ask(ASKED, "echo", timeout=0.1)
    assert posted == [mailbox(ASKED[0])]
    assert all(isinstance(answer.error, TimedOut) for answer in found.values())


def test_answers_are_taken_while_it_is_not_known_who_is_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = threading.Thread(
        target=lambda: answers.update(world.asking.ask(ASKED[:1], "waits", timeout=60))
    )
    answers: dict[str, WorkerAnswer] = {}
    looked = threading.Semaphore(0)

    def fail(*, silent: bool = False) -> Any:
        looked.release()
        raise Unavailable("the ODB does not answer at the moment")

    asking.start()
    assert Waits.entered.acquire(timeout=60)
    monkeypatch.setattr(world.cluster, "reports", fail)
    assert looked.acquire(timeout=60)
    Waits.go.set()
    asking.join(60)
    assert answers[ASKED[0]].ok


def test_calls_that_cannot_be_made_are_refused(world: World) -> None:
    for timeout in (0, -1, 601, float("nan")):
        with pytest.raises(Misused, match="timeout"):
            world.asking.ask(ASKED, "echo", timeout=timeout)
    with pytest.raises(Misused, match="too many"):
        world.asking.ask(map(str, range(1001)), "echo")
    with pytest.raises(Invalid, match="does not fit JSON"):
        world.asking.ask(ASKED, "echo", object())
    with pytest.raises(TooLarge, match="payload for echo"):
        world.asking.ask(ASKED, "echo", "x" * 1_048_576)
    assert world.asking.ask([], "echo") == {}


def test_mail_is_taken_once_in_its_order_and_expires(store: Stores) -> None:
    bus = OdbBus(store.engine)
    bus.post("a", "ä".encode(), 30)
    bus.post("a", b"2", 30)
    bus.post("b", b"3", 30)
    bus.post("c", b"4", 0)
    assert bus.collect("a", 0) == ["ä".encode(), b"2"]
    assert bus.collect("a", 0.05) == bus.collect("c", 0) == []
    assert bus.collect("b", 30) == [b"3"]


def test_mail_is_looked_for_while_another_writes(store: Stores) -> None:
    bus = OdbBus(store.engine)
    with store.engine.begin():
        assert bus.collect("a", 0) == []
        assert bus.leases(["a"]) == {}


def test_a_call_reads_back(world: World) -> None:
    call = WorkerCall("a", "b", 5.0, "K", {"x": 1}, {"y": 2}, {"traceparent": "z"})
    assert decode(encode(call, "it"), WorkerCall) == call
    assert Request(extra=call.extra).extra == {"y": 2}
