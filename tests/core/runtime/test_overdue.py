"""Calls that take too long are told of once, with where they are."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hansa import Binding, Request, Service, event_loop
from hansa.contract.records import DefinitionRecord
from hansa.foundation.starts import DeathLedger, Starts
from hansa.runtime.inflight import InFlight
from hansa.runtime.managed import ManagedObject
from hansa.runtime.overdue import OverdueCalls, OverdueStarts
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until


class Stuck:
    """A call that runs until the test ends."""

    def __init__(self) -> None:
        self.inflight = InFlight()
        self.begun = threading.Event()
        self.ended = threading.Event()
        inner = compile_route(
            Binding("inner", LocalServer()),
            self._service(lambda service: self.wait_in_vain()),
            inflight=self.inflight,
        )
        outer = compile_route(
            Binding("outer", LocalServer()),
            self._service(lambda service: inner(Request(cid="K1"))),
            inflight=self.inflight,
        )
        self.thread = threading.Thread(target=outer, args=(Request(cid="K1"),))
        self.thread.start()
        assert self.begun.wait(10)

    def _service(self, handle: Any) -> type[Service]:
        return type("Made", (Service,), {"handle": handle})

    def wait_in_vain(self) -> None:
        self.begun.set()
        self.ended.wait(30)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    made = Stuck()
    yield made
    made.ended.set()
    made.thread.join(10)


def test_calls_on_the_event_loop_are_logged_each_with_its_own_stack(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.WARNING)
    inflight = InFlight()
    ended = threading.Event()

    class Waits(Service):
        async def handle(self) -> None:
            await self.wait_in_vain()

        async def wait_in_vain(self) -> None:
            while not ended.is_set():
                await asyncio.sleep(0.01)

    for name in ("one", "two"):
        route = compile_route(Binding(name, LocalServer()), Waits, inflight=inflight)
        event_loop.start(partial(route, Request()))
    wait_until(lambda: len(inflight.requests) == 2)
    try:
        OverdueCalls(inflight, 0.0).look()
        told = [record.getMessage() for record in caplog.records]
        assert sorted(text[:20] for text in told) == [
            "one has been running",
            "two has been running",
        ]
        assert all("in wait_in_vain" in text and "in handle" in text for text in told)
    finally:
        ended.set()
    wait_until(lambda: not inflight.requests)


def test_a_call_over_the_limit_is_logged_once_with_its_stack(
    stuck: Stuck, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    calls = OverdueCalls(stuck.inflight, 0.0)
    calls.look()
    calls.look()
    (record,) = caplog.records
    assert record.getMessage().startswith("outer has been running for 0 s, at the moment in:")
    assert "in wait_in_vain" in record.getMessage()


def test_calls_within_the_limit_are_not(stuck: Stuck, caplog: pytest.LogCaptureFixture):
    OverdueCalls(stuck.inflight, 60.0).look()
    assert caplog.records == []


def test_it_looks_by_itself_unless_there_is_no_limit(stuck: Stuck, until: Any, caplog: Any):
    never = OverdueCalls(stuck.inflight, 0.0)
    never.start()
    never.stop()
    watching = OverdueCalls(stuck.inflight, 0.01)
    watching.start()
    until(lambda: caplog.records)
    watching.stop()


def test_a_start_over_the_limit_is_the_reason_of_its_state_and_logged_once(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    managed = ManagedObject(DefinitionRecord("outgoing", "sql", "db", {}), {})
    managed.become("starting")
    settled: list[bool] = []
    journal = Starts(tmp_path)
    starts = OverdueStarts(0.0, journal, lambda: settled.append(True))
    with journal.starting("outgoing sql 'db' at revision 0", lasting=True), starts.noted(managed):
        starts.look()
        # the worker ends now, by something else
        assert DeathLedger(tmp_path).bury(os.getpid(), "killed") == []
        assert managed.state == "starting"
        assert managed.why == "its start has not returned for over 0 s"
        managed.become("starting")  # it is edited meanwhile
        starts.look()
        assert managed.why
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith("outgoing sql 'db': its start has not returned for over 0 s")
    assert "in test_a_start_over_the_limit" in message
    assert settled == [True]
    managed.become("running")
    starts.look()
    assert (managed.state, managed.why) == ("running", "")


def test_starts_within_the_limit_are_not_told(caplog: pytest.LogCaptureFixture):
    managed = ManagedObject(DefinitionRecord("outgoing", "sql", "db", {}), {})
    starts = OverdueStarts(60.0, Starts())
    with starts.noted(managed):
        starts.look()
    assert (managed.why, caplog.records) == ("", [])
