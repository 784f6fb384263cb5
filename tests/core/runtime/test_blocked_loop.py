"""What blocks the event loop is told by the name of its service, and the worker is not ready."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from hansa import Binding, Request, Service, event_loop
from hansa.foundation.frames import thread_frames
from hansa.runtime import blocked_loop
from hansa.runtime.blocked_loop import BlockedLoop, step_of
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until


class Blocks(Service):
    """Blocks the loop until the test ends."""

    ended = threading.Event()

    async def handle(self) -> None:
        await asyncio.sleep(0)
        self.ended.wait(30)


class Waits(Service):
    """Waits as it should."""

    async def handle(self) -> None:
        while not Blocks.ended.is_set():
            await asyncio.sleep(0.001)


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why the worker was replaced; what is watched ends with the test."""
    Blocks.ended.clear()
    monkeypatch.setattr(blocked_loop, "UNREADY", 0.2)
    monkeypatch.setattr(blocked_loop, "STUCK", 0.4)
    return []


def from_thread(name: str, service: type[Service]) -> Callable[[], None]:
    route = compile_route(Binding(name, LocalServer()), service)
    thread = threading.Thread(target=route, args=(Request(),))
    thread.start()
    return thread.join


def from_loop(name: str, service: type[Service]) -> Callable[[], None]:
    route = compile_route(Binding(name, LocalServer()), service)
    ended = threading.Event()

    def call() -> None:
        route(Request())
        ended.set()

    event_loop.start(call)
    return ended.wait  # type: ignore[return-value]  # nobody asks


@pytest.mark.parametrize("begin", [from_thread, from_loop])
def test_what_blocks_is_told_and_the_worker_is_replaced(
    begin: Callable[[str, type[Service]], Callable[[], None]],
    replaced: list[str],
    caplog: pytest.LogCaptureFixture,
):
    watch = BlockedLoop(0.05, replaced.append)
    watch.start()
    end = begin("orders.block", Blocks)
    try:
        wait_until(lambda: bool(replaced), 30)
        assert watch.fault == "its event loop is blocked by orders.block"
        assert replaced[0].startswith("its event loop is blocked by orders.block for ")
        (told,) = [record.getMessage() for record in caplog.records if "blocked" in record.msg]
        assert told.startswith("orders.block has blocked the event loop for 0.")
        assert "in handle" in told
    finally:
        Blocks.ended.set()
        end()
    wait_until(lambda: watch.fault == "")
    watch.stop()


def test_who_waits_blocks_nothing(replaced: list[str]):
    """The loop is seen to wait for events while services wait."""
    ends = [begin("orders.wait", Waits) for begin in (from_thread, from_loop)]
    wait_until(lambda: event_loop.in_hand >= 2)
    for _ in range(3):
        wait_until(lambda: step_of(thread_frames()[event_loop.thread]) is None, 30)
    Blocks.ended.set()
    for end in ends:
        end()
    assert not replaced


def test_nothing_is_watched_without_a_limit():
    watch = BlockedLoop(0, print)
    watch.start()
    watch.stop()
    assert watch.fault == ""
