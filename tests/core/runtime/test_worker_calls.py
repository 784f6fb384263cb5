"""Calls of services in workers by name: answered side by side, with limits, and told who did not
answer.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Conflict, HansaError, Invalid, Misused, Request, Service, TimedOut, TooLarge
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


class Odd(Service):
    name = "odd"

    def handle(self) -> Any:
        return object() if self.request.payload else "x" * 1_100_000


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
    missing = world.error("", "nope")
    assert (missing.code, missing.internal) == ("undefined", True)
    assert (world.error("a", "odd").code, world.error("", "odd").code) == ("invalid", "too-large")
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
    wait_until(lambda: "too late" in caplog.text and "cannot be read" in caplog.text)
    assert not Waits.entered.acquire(blocking=False)


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


def test_a_call_reads_back(world: World) -> None:
    call = WorkerCall("a", "b", 5.0, "K", {"x": 1}, {"y": 2}, {"traceparent": "z"})
    assert decode(encode(call, "it"), WorkerCall) == call
    assert Request(extra=call.extra).extra == {"y": 2}
