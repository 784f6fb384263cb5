"""What is noted of each step: where, when, below which one, with which outcome, and never what was
sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any, cast

import pytest
from hansa import (
    Binding,
    Channel,
    Dispatch,
    Invalid,
    Outgoing,
    Request,
    Server,
    Service,
    event_loop,
    trace_headers,
)
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer
from hansa_trace import plugin, recording
from hansa_trace.early import TraceSection
from hansa_trace.hop import Batch, Hop, Queued
from hansa_trace.traces import Traces

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1"}


class Door(Channel):
    """A channel that brings nothing in by itself."""

    type = "plain"


class Wire(Outgoing):
    """A connection out."""

    type = "wire"

    def call(self, error: BaseException | None = None) -> dict[str, str]:
        with self.observed():
            if error is not None:
                raise error
            return trace_headers()


class Traced:
    """Routes as a worker compiles them, and the steps that are noted."""

    def __init__(self, **settings: Any) -> None:
        sections = {"trace": TraceSection(**settings)}
        self.server = cast(Server, LocalServer(sections=sections))
        self.traces = self.server.resource(Traces)

    def route(self, name: str, act: Callable[[Request], Any], kind: str = "plain") -> Dispatch:
        def handle(service: Service) -> Any:
            return act(service.request)

        async def wait(service: Service) -> Any:
            return await act(service.request)

        form = wait if iscoroutinefunction(act) else handle
        service = cast("type[Service]", _made(name, form))
        door = None
        if kind == "plain":
            door = Door("front", Door.common(service=name), self.server)
        return compile_route(
            Binding(name, self.server, None, "front", kind),
            service,
            channel=door,
            wraps=[plugin.hansa_wrap],
            raising=kind == "invoke",
        )

    def take(self) -> list[Hop]:
        taken = self.traces.tracing.recorder.take(1000)
        return list(Batch("", "w", 0.0, taken.places, taken.steps).hops())


def _made(name: str, handle: Callable[[Service], Any]) -> object:
    return type("Made", (Service,), {"name": name, "handle": handle})


@pytest.fixture
def traced() -> Iterator[Traced]:
    made = Traced()
    # what the thread would take
    made.traces.tracing.stop()
    yield made
    cast(LocalServer, made.server).close()


def test_steps_are_below_each_other(traced: Traced):
    wire = Wire("far", Wire.Config(), traced.server)
    observer = plugin.hansa_observe(wire)
    assert observer is not None
    wire.observers = [observer]
    sent: list[dict[str, str]] = []
    inside = traced.route("prices.get", lambda request: sent.append(wire.call()), "invoke")

    def act(request: Request) -> Any:
        inside(Request(payload="secret", cid=request.cid))
        sent.append(trace_headers())

    response = traced.route("orders.place", act)(Request(cid="K1"))
    assert response.ok
    out, call, top = traced.take()
    assert [hop.place.kind for hop in (top, call, out)] == ["channel", "invoke", "outgoing"]
    assert (top.place.name, top.place.service) == ("plain front", "orders.place")
    assert (call.place.name, call.place.service, out.place.name) == ("", "prices.get", "wire far")
    assert (top.parent, call.parent, out.parent) == ("", top.span, call.span)
    assert {hop.trace for hop in (top, call, out)} == {top.trace}
    assert {hop.cid for hop in (top, call, out)} == {"K1"}
    assert top.began <= call.began <= out.began
    assert top.ms >= call.ms >= out.ms >= 0
    assert "secret" not in repr((out, call, top))
    # what is passed on names the step that calls
    assert [one["traceparent"] for one in sent] == [
        f"00-{top.trace}-{call.span}-01",
        f"00-{top.trace}-{top.span}-01",
    ]
    assert trace_headers() == {}


def test_steps_of_services_on_the_event_loop_that_are_called_at_the_same_time(traced: Traced):
    async def wait(request: Request) -> None:
        await asyncio.sleep(0)

    insides = [traced.route(name, wait, "invoke") for name in ("a", "b")]

    async def act(request: Request) -> None:
        calls = (event_loop.run(inside, Request(cid=request.cid)) for inside in insides)
        await asyncio.gather(*calls)

    route = traced.route("both", act)
    assert event_loop.wait(event_loop.run(route, Request(cid="K1"))).ok
    *inside, top = traced.take()
    assert {hop.place.service for hop in inside} == {"a", "b"}
    assert (top.place.service, top.parent) == ("both", "")
    assert {hop.parent for hop in inside} == {top.span}
    assert {hop.trace for hop in (*inside, top)} == {top.trace}
    assert {hop.cid for hop in (*inside, top)} == {"K1"}


def test_a_caller_s_trace_goes_on(traced: Traced):
    sent: list[dict[str, str]] = []
    route = traced.route("a", lambda request: sent.append(trace_headers()))
    route(Request(headers=HEADERS))
    (hop,) = traced.take()
    assert (hop.trace, hop.parent) == (TRACE, SPAN)
    assert hop.span not in ("", SPAN)
    assert sent == [{"traceparent": f"00-{TRACE}-{hop.span}-01", "tracestate": "a=1"}]


@pytest.mark.parametrize("parent", ["", "00-xyz", f"ff-{TRACE}-{SPAN}-01"])
def test_a_malformed_trace_begins_another(traced: Traced, parent: str):
    route = traced.route("a", lambda request: None)
    route(Request(headers={"traceparent": parent, "tracestate": "a=1"}))
    (hop,) = traced.take()
    assert hop.trace not in ("", TRACE)
    assert hop.parent == ""


def test_outcomes(traced: Traced):
    def act(request: Request) -> Any:
        if isinstance(request.payload, BaseException):
            raise request.payload

    route = traced.route("a", act)
    for error in (None, Invalid("no"), KeyError("x"), SystemExit(1)):
        route(Request(payload=error))
    assert [hop.outcome for hop in traced.take()] == ["ok", "invalid", "unexpected", "unexpected"]


def test_asynchronous_calls_say_where_they_come_from(traced: Traced):
    route = traced.route("a", lambda request: None, "invoke-async")
    request = Request(
        headers=HEADERS,
        cid="K2",
        attempt=3,
        extra={"parent_cid": "K1", "in_reply_to": "K0"},
    )
    route(request)
    (hop,) = traced.take()
    assert (hop.place.kind, hop.place.service) == ("async", "a")
    assert hop.cid == "K2"
    assert hop.queued == Queued(3, "K1", "K0")
    assert hop.parent == SPAN
    # so that callbacks come from this attempt
    assert request.trace is not None
    assert request.trace.headers()["traceparent"] == f"00-{TRACE}-{hop.span}-01"


def test_the_admin_api_is_no_message(traced: Traced):
    traced.route("admin.server.status", lambda request: None)(Request())
    assert traced.take() == []


def test_a_call_outside_of_a_message_is_no_step(traced: Traced):
    wire = Wire("far", Wire.Config(), traced.server)
    observer = plugin.hansa_observe(wire)
    assert observer is not None
    wire.observers = [observer]
    wire.call()
    assert traced.take() == []


def test_nothing_is_noted_where_it_is_switched_off():
    off = Traced(enabled=False)
    seen: list[dict[str, str]] = []
    off.route("a", lambda request: seen.append(trace_headers()))(Request(headers=HEADERS))
    assert off.take() == []
    assert seen == [{}]
    cast(LocalServer, off.server).close()


def test_what_waits_is_bounded(traced: Traced, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recording, "MOST_WAITING", 5)
    route = traced.route("a", lambda request: None)
    for _ in range(8):
        route(Request())
    taken = traced.traces.tracing.recorder.take(1000)
    assert (len(taken.steps), taken.dropped) == (5, 3)
    taken = traced.traces.tracing.recorder.take(1000)
    assert (taken.places, taken.steps, taken.dropped) == ([], [], 0)


def test_a_new_trace_says_whether_it_is_sampled_and_steps_are_kept_either_way(traced: Traced):
    sent: list[dict[str, str]] = []
    route = traced.route("a", lambda request: sent.append(trace_headers()))
    recorder = traced.traces.tracing.recorder
    for bound in (0, recording.BOUND):
        recorder.bound = bound
        route(Request())
        route(Request(headers=HEADERS))
    assert [one["traceparent"][-2:] for one in sent] == ["00", "01", "01", "01"]
    assert len(traced.take()) == 4
