"""The event loop of a process: plain code on it waits without a thread, and threads wait for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from hansa import TimedOut, deadline, event_loop, time_left
from hansa_devkit.harness.waiting import wait_until

noted: ContextVar[str] = ContextVar("noted", default="")


def on_loop(function: Callable[[], Any]) -> Any:
    """What plain code returns that runs on the loop."""
    return event_loop.wait(event_loop.run(function))


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def test_plain_code_waits_on_the_loop_and_in_threads():
    assert event_loop.wait(later(1)) == 1
    assert on_loop(lambda: (event_loop.is_current, event_loop.wait(later(2)))) == (True, 2)
    assert not event_loop.is_current
    assert event_loop.aside(threading.get_ident) == threading.get_ident()


def test_what_is_started_keeps_no_thread_while_it_waits():
    """All wait at the same moment, for what only the last of them brings."""
    count = 500
    threads = threading.active_count()
    arrived: list[int] = []
    released: list[asyncio.Event] = []
    ended = threading.Event()
    answered: list[int] = []

    def wait_for_all(number: int) -> None:
        if not released:
            released.append(asyncio.Event())
        arrived.append(number)
        if len(arrived) == count:
            released[0].set()
        event_loop.wait(released[0].wait())
        answered.append(number)
        if len(answered) == count:
            ended.set()

    for number in range(count):
        event_loop.start(lambda number=number: wait_for_all(number))
    assert ended.wait(30)
    assert threading.active_count() <= threads + 2
    assert sorted(answered) == list(range(count))


def test_context_variables_go_along_and_stay_apart():
    def note(text: str) -> str:
        noted.set(text)
        event_loop.wait(later(None))
        seen_by_coroutine = event_loop.wait(seen())
        seen_in_thread = event_loop.wait(event_loop.in_thread(noted.get))
        seen_aside = event_loop.aside(noted.get)
        return " ".join((noted.get(), seen_by_coroutine, seen_in_thread, seen_aside))

    async def seen() -> str:
        return noted.get()

    async def both() -> list[str]:
        return [*await asyncio.gather(event_loop.run(note, "a"), event_loop.run(note, "b"))]

    noted.set("caller")
    assert event_loop.wait(seen()) == "caller"
    assert event_loop.wait(both()) == ["a a a a", "b b b b"]
    assert noted.get() == "caller"


def test_exceptions_come_through():
    async def fail(error: BaseException) -> None:
        raise error

    def handled() -> str:
        try:
            event_loop.wait(fail(ValueError("inside")))
        except ValueError as error:
            return f"caught {error}"
        return "nothing"

    assert on_loop(handled) == "caught inside"
    with pytest.raises(KeyError):
        event_loop.wait(fail(KeyError("x")))
    with pytest.raises(TimeoutError):
        with deadline(30):
            event_loop.wait(fail(TimeoutError("its own")))
    with pytest.raises(SystemExit):
        event_loop.wait(fail(SystemExit(1)))
    assert event_loop.wait(later("goes on")) == "goes on"


@pytest.mark.parametrize("by", [event_loop.in_thread, asyncio.to_thread])
def test_a_blocking_call_that_stops_an_iteration_fails(by: Any):
    """No future of asyncio takes a StopIteration: who waits would wait for ever."""
    with pytest.raises(RuntimeError, match="StopIteration"), deadline(30):
        event_loop.wait(by(next, iter(())))


def test_a_check_that_stops_an_iteration_fails():
    with pytest.raises(RuntimeError, match="StopIteration"), deadline(30):
        on_loop(lambda: event_loop.aside(next, iter(())))


def test_the_loop_goes_on_after_a_task_that_exits(caplog: pytest.LogCaptureFixture):
    async def leave() -> None:
        raise SystemExit(1)

    async def begin() -> None:
        asyncio.get_running_loop().create_task(leave())

    event_loop.wait(begin())
    assert event_loop.wait(later(1)) == 1
    wait_until(lambda: "was ended from inside" in caplog.text)


@pytest.mark.parametrize("wait", [event_loop.wait, lambda it: on_loop(lambda: late(it))])
def test_what_is_too_late_is_cancelled(wait: Callable[[Any], Any]):
    cancelled = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            cancelled.set()

    with pytest.raises(TimedOut, match="before the deadline"), deadline(0.05):
        wait(forever())
    assert cancelled.wait(30)


def late(awaitable: Any) -> Any:
    """Wait on the loop until a deadline that was set there."""
    with deadline(0.05):
        return event_loop.wait(awaitable)


def test_deadlines_go_along():
    with deadline(100):
        left = event_loop.wait(event_loop.in_thread(time_left))
        assert left is not None and 50 < left <= 100
        left = on_loop(time_left)
        assert left is not None and 50 < left <= 100
    assert on_loop(time_left) is None


def test_a_loop_does_not_wait_for_itself():
    async def forgets() -> None:
        event_loop.wait(later(1))

    with pytest.raises(RuntimeError, match="await the call"):
        event_loop.wait(forgets())


def test_blocking_calls_inside_blocking_calls_find_threads():
    """More than there are threads, each of which waits for another one."""
    count = 100

    def outer(number: int) -> int:
        return event_loop.wait(event_loop.in_thread(lambda: number))

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(event_loop.in_thread(outer, one) for one in range(count)))

    assert event_loop.wait(all_of_them()) == list(range(count))


def test_sleeping_on_the_loop_lets_others_go_on():
    async def three() -> None:
        await asyncio.gather(*(event_loop.run(event_loop.sleep, 0.2) for _ in range(20)))

    began = time.monotonic()
    event_loop.wait(three())
    event_loop.sleep(0.0)
    assert time.monotonic() - began < 0.2 * 20 / 2


def test_a_callable_is_kept_off():
    def call() -> None:
        """Around a service."""

    assert not event_loop.is_kept_off(call)
    event_loop.kept_off(call)
    assert event_loop.is_kept_off(call)


def test_who_has_no_use_for_the_loop_does_not_pay_for_it():
    code = """
import sys
from hansa import Request, event_loop
from hansa.contract.service import Service
from hansa.runtime import routes
assert not event_loop.is_current and event_loop.place()
assert event_loop.aside(len, "ab") == 2
event_loop.sleep(0)
print("asyncio" in sys.modules, "greenlet" in sys.modules, event_loop.thread)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False", "0"]
