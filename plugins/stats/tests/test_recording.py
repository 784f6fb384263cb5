"""What is counted of calls: each once, under its service, channel and security definition."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, cast

import pytest
from hansa import (
    Binding,
    Channel,
    Forbidden,
    Invalid,
    Outgoing,
    Refused,
    Request,
    Response,
    Server,
    Service,
    current_caller,
    deadline,
    event_loop,
)
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer
from hansa_security.verification import Principal
from hansa_stats import plugin, recording
from hansa_stats.edges import Edge, End, edge_of, edges_in, series_of_edge, service_end
from hansa_stats.statistics import Statistics
from hansa_stats.tally import Table


class Door(Channel):
    """A channel that brings nothing in by itself."""

    type = "plain"


FRONT = End("channel", "plain", "front")


class Counted:
    """Routes as a worker compiles them, and what is counted of their calls."""

    def __init__(self) -> None:
        self.server = cast(Server, LocalServer())
        self.statistics = self.server.resource(Statistics)

    def route(
        self,
        act: Callable[[Request], Any],
        *security: str,
        caller: Callable[[Request], object] | None = None,
        channel: bool = True,
        name: str = "made",
        type_name: str = "plain",
    ) -> Callable[[Request], Response]:
        def handle(service: Service) -> Any:
            return act(service.request)

        async def wait(service: Service) -> Any:
            return await act(service.request)

        form = wait if iscoroutinefunction(act) else handle
        service = type("Made", (Service,), {"name": name, "handle": form})
        door = None
        if channel:
            config = Door.common(service=name, security=list(security))
            door = Door("front", config, self.server)
        witness = plugin.hansa_refused(door, service)
        return compile_route(
            Binding(name, self.server, None, "front", type_name),
            service,
            channel=door,
            authenticators=[caller] if caller else [],
            witnesses=[witness] if witness else [],
            wraps=[plugin.hansa_wrap],
            raising=not channel,
        )

    def take(self) -> Table:
        return self.statistics.recorder.take()


@pytest.fixture
def counted():
    made = Counted()
    # what the thread would take
    made.statistics.stop()
    yield made
    cast(LocalServer, made.server).close()


def test_calls_are_counted_by_service_and_channel(counted: Counted):
    route = counted.route(lambda request: "x")
    for _ in range(3):
        assert route(Request()).ok
    table = counted.take()
    edge = Edge(FRONT, service_end("made"), "channel")
    assert set(table) == {("service", "made"), ("channel", "plain front"), series_of_edge(edge)}
    for tally in table.values():
        assert (tally.count, tally.timed, tally.errors) == (3, 3, {})
        assert tally.longest <= tally.micros
    assert counted.take() == {}


def test_errors_are_counted_by_code(counted: Counted):
    def act(request: Request) -> Any:
        raise request.payload

    route = counted.route(act)
    for error in (Invalid("no"), Invalid("no"), KeyError("x"), Forbidden("no"), SystemExit(1)):
        route(Request(payload=error))
    tally = counted.take()["service", "made"]
    assert (tally.count, tally.timed) == (5, 5)
    assert tally.errors == {"invalid": 2, "unexpected": 2, "forbidden": 1}


def test_what_is_refused_at_the_door_is_counted_once(counted: Counted):
    def refuse(request: Request) -> object:
        raise Refused("who are you?")

    route = counted.route(lambda request: "x", "basic", caller=refuse)
    assert route(Request()).status == 401
    tally = counted.take()["security", "basic"]
    assert (tally.count, tally.timed, tally.errors) == (1, 0, {"unauthorized": 1})


def test_callers_of_several_security_definitions(counted: Counted):
    def authenticate(request: Request) -> object:
        return Principal("ann", request.payload)

    route = counted.route(lambda request: "x", "keys", "tokens", caller=authenticate)
    for definition in ("keys", "tokens", "tokens", "strange"):
        route(Request(payload=definition))
    table = counted.take()
    counts = {name: tally.count for (by, name), tally in table.items() if by == "security"}
    assert counts == {"keys": 1, "tokens": 2}
    assert table["service", "made"].count == 4


def test_calls_between_services_and_statuses(counted: Counted):
    def act(request: Request) -> Any:
        if request.payload:
            raise Invalid("no")

    inside = counted.route(act, channel=False)
    inside(Request())
    with pytest.raises(Invalid):
        inside(Request(payload=1))
    table = counted.take()
    assert set(table) == {("service", "made")}
    assert table["service", "made"].errors == {"invalid": 1}


class Wire(Outgoing):
    """A connection out that takes what it is told to do."""

    type = "wire"

    def call(self, error: BaseException | None = None, code: str = "") -> None:
        with self.observed() as observation:
            observation.code = code
            if error is not None:
                raise error


def test_calls_of_outgoing_connections(counted: Counted):
    wire = Wire("far", Wire.Config(), counted.server)
    wire.call()
    observer = plugin.hansa_observe(wire)
    assert observer is not None
    wire.observers = [observer]
    current_caller().service = "made"
    wire.call()
    current_caller().service = ""
    wire.call(code="status-503")
    for error in (Invalid("no"), KeyError("x")):
        with pytest.raises(type(error)):
            wire.call(error)
    table = counted.take()
    tally = table.pop(("outgoing", "wire far"))
    assert (tally.count, tally.timed) == (4, 4)
    assert tally.errors == {"status-503": 1, "invalid": 1, "unexpected": 1}
    ((edge, of_service),) = edges_in(table).items()
    assert edge == Edge(service_end("made"), End("outgoing", "wire", "far"), "invoke")
    assert (of_service.count, of_service.errors) == (1, {})


def test_who_calls_whom(counted: Counted):
    queued = counted.route(lambda request: "x", channel=False, name="c", type_name="invoke-async")

    def call_both(request: Request) -> str:
        for _ in range(2):
            inner(Request())
        # as a worker does that has read it from the queue
        caller = current_caller()
        within = caller.service
        caller.service = ""
        queued(Request(extra={"caller": "a"}))
        caller.service = within
        return "x"

    def fail(request: Request) -> str:
        if request.payload:
            raise Invalid("no")
        return "x"

    inner = counted.route(fail, channel=False, name="b")
    outer = counted.route(call_both, "keys", name="a", caller=lambda request: "ann")
    outer(Request())
    with pytest.raises(Invalid):
        inner(Request(payload=1))
    current_caller().service = "d"
    with pytest.raises(Invalid):
        inner(Request(payload=1))
    assert current_caller().service == "d"
    current_caller().service = ""
    queued(Request())
    edges = edges_in(counted.take())
    a, b, c, d = (service_end(name) for name in "abcd")
    counts = {edge: (tally.count, tally.failures) for edge, tally in edges.items()}
    assert counts == {
        Edge(End("security", "", "keys"), FRONT, "security"): (1, 0),
        Edge(FRONT, a, "channel"): (1, 0),
        Edge(a, b, "invoke"): (2, 0),
        Edge(d, b, "invoke"): (1, 1),
        Edge(a, c, "invoke_async"): (1, 0),
    }
    assert all(tally.last > 1_790_000_000 for tally in edges.values())
    assert current_caller().service == ""


def test_services_on_the_event_loop_are_counted_by_who_calls_them_at_the_same_time(
    counted: Counted,
):
    wire = Outgoing("far", Outgoing.Config(), counted.server)
    observer = plugin.hansa_observe(wire)
    assert observer is not None
    has_begun = asyncio.Event()
    may_go_on = asyncio.Event()

    async def first(request: Request) -> None:
        has_begun.set()
        await may_go_on.wait()
        observer(1000, "")

    async def second(request: Request) -> None:
        await has_begun.wait()
        # ends before the first one, which began before
        await asyncio.sleep(0)

    one, other = (
        counted.route(act, channel=False, name=act.__name__, type_name="invoke")
        for act in (first, second)
    )

    async def last(request: Request) -> None:
        may_go_on.set()

    final = counted.route(last, channel=False, name="last", type_name="invoke")

    async def outer(request: Request) -> None:
        async def then() -> None:
            await event_loop.run(other, Request())
            await event_loop.run(final, Request())

        await asyncio.gather(event_loop.run(one, Request()), then())

    route = counted.route(outer, name="outer")
    with deadline(30):
        assert event_loop.wait(event_loop.run(route, Request())).ok
    table = counted.take()
    assert {
        name: table["service", name].count for name in ("outer", "first", "second", "last")
    } == {
        "outer": 1,
        "first": 1,
        "second": 1,
        "last": 1,
    }
    ends = {name: service_end(name) for name in ("outer", "first", "second", "last")}
    assert set(edges_in(table)) == {
        Edge(FRONT, ends["outer"], "channel"),
        *(Edge(ends["outer"], ends[name], "invoke") for name in ("first", "second", "last")),
        Edge(ends["first"], End("outgoing", wire.type, "far"), "invoke"),
    }


def test_administration_is_no_part_of_the_landscape(counted: Counted):
    inner = counted.route(lambda request: "x", channel=False, name="b")
    through = counted.route(lambda request: inner(Request()) and "x", name="admin.any")
    asked = counted.route(lambda request: "x", channel=False, name="admin.other")
    calls = counted.route(lambda request: asked(Request()) and "x", name="a")
    assert through(Request()).ok and calls(Request()).ok
    assert list(edges_in(counted.take())) == [Edge(FRONT, service_end("a"), "channel")]


def test_edges_are_bounded(
    counted: Counted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(recording, "MOST_EDGES", 3)
    inner = counted.route(lambda request: "x", channel=False)
    for _ in range(2):
        for number in range(10):
            current_caller().service = f"s{number}"
            inner(Request())
    current_caller().service = ""
    table = counted.take()
    assert table["service", "made"].count == 20
    assert [tally.count for tally in edges_in(table).values()] == [2, 2, 2]
    assert caplog.text.count("more than 3 pairs") == 1


def test_edges_of_another_version_are_left_out():
    assert edge_of("invoke\tservice\t\ta") is None
    assert edge_of("by mail\tservice\t\ta\tservice\t\tb") is None


def test_threads_lose_nothing(counted: Counted):
    route = counted.route(lambda request: "x")
    done = threading.Event()
    total = 0

    def call() -> None:
        for _ in range(5000):
            route(Request())

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    while not done.is_set():
        if not any(thread.is_alive() for thread in threads):
            done.set()
        table = counted.take()
        total += table["service", "made"].count if table else 0
    assert total == 20_000
