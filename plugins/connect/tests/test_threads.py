"""Calls in threads that an event loop waits for: as many at a time as there are threads, and their ends."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hansa import HansaError, Unavailable
from hansa_connect.event_loop import EventLoop
from hansa_connect.threads import Threads
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    made = EventLoop("test", print)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(3, "test of threads")
    yield made
    made.end()


def running() -> int:
    return sum(each.name.startswith("test of threads") for each in threading.enumerate())


def test_results_and_errors_come_back(loop, threads):
    async def call(function, argument):
        return await threads.call(function, argument)

    assert loop.run(call(str.upper, "a"), 30) == "A"
    with pytest.raises(ValueError, match="invalid literal"):
        loop.run(call(int, "x"), 30)
    with pytest.raises(HansaError, match="tried to end the process by SystemExit"):
        loop.run(call(sys.exit, 3), 30)
    with pytest.raises(RuntimeError, match="raised StopIteration") as caught:
        loop.run(call(next, iter([])), 5)
    assert isinstance(caught.value.__cause__, StopIteration)
    assert running() == 1


def test_as_many_calls_at_a_time_as_there_are_threads_and_no_more(loop, threads):
    going, begun = threading.Event(), []

    def work(number: int) -> int:
        begun.append(number)
        going.wait(30)
        return number

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(threads.call(work, number) for number in range(20)))

    waiting = in_background(loop.run, all_of_them(), 30)
    wait_until(lambda: len(begun) == 3, 30)
    time.sleep(0.05)
    assert len(begun) == 3 == running()
    going.set()
    assert waiting.result(30) == list(range(20))
    assert running() == 3


def test_the_end_waits_for_what_was_begun_and_cancels_the_rest(loop):
    threads, going, begun = Threads(1, "test of threads"), threading.Event(), threading.Event()

    def work(number: int) -> int:
        begun.set()
        going.wait(30)
        return number

    async def two() -> list[object]:
        calls = [threads.call(work, number) for number in range(2)]
        return await asyncio.gather(*calls, return_exceptions=True)

    async def one_more() -> None:
        await threads.call(work, 3)

    waiting = in_background(loop.run, two(), 30)
    assert begun.wait(30)
    ending = in_background(threads.end)
    wait_until(lambda: threads._ended, 30)
    going.set()
    ending.result(30)
    first, second = waiting.result(30)
    assert first == 0 and isinstance(second, asyncio.CancelledError)
    assert not running()
    with pytest.raises(Unavailable, match="was stopped"):
        loop.run(one_more(), 30)


def test_who_waits_no_more_disturbs_nobody(loop, threads):
    going = threading.Event()

    async def call(wait: bool) -> str:
        if wait:
            async with asyncio.timeout(0.01):
                await threads.call(going.wait, 30)
        return await threads.call(str.upper, "a")

    with pytest.raises(TimeoutError):
        loop.run(call(True), 30)
    going.set()
    assert loop.run(call(False), 30) == "A"


class Ending(Threads):
    """Threads that end in the midst of a call."""

    def _start_thread(self) -> None:
        self.ending = threading.Thread(target=self.end)
        self.ending.start()
        self.ending.join(0.2)
        super()._start_thread()


def test_a_call_in_the_moment_of_the_end_leaves_nothing_behind(loop):
    threads = Ending(2, "test of threads")

    async def call() -> str:
        async with asyncio.timeout(5):
            return await threads.call(str.upper, "a")

    with contextlib.suppress(Unavailable):  # it may be cancelled
        assert loop.run(call(), 30) == "A"
    threads.ending.join(30)
    wait_until(lambda: not running(), 5)


def test_what_nobody_waits_for_any_more_does_not_begin(loop):
    threads, going = Threads(1, "test of threads"), threading.Event()
    begun: list[str] = []

    async def calls() -> None:
        first = threads.call(going.wait, 30)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await threads.call(begun.append, "late")
        going.set()
        await first
        await threads.call(begun.append, "last")

    loop.run(calls(), 30)
    assert begun == ["last"] and not threads._unfinished
    threads.end()
