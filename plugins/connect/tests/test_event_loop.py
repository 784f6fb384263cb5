"""The event loop of a connector: deadlines, faults and ends, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
from collections.abc import Iterator

import pytest
import redis.asyncio
from hansa import HansaError, TimedOut, Unavailable
from hansa_connect import event_loop as module
from hansa_connect.event_loop import EventLoop
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers_redis import Valkey
from hypothesis import given, settings, strategies as st


@pytest.fixture
def faults() -> list[BaseException]:
    return []


@pytest.fixture
def loop(faults) -> Iterator[EventLoop]:
    made = EventLoop("outgoing test 't'", faults.append)
    made.start()
    yield made
    made.stop()
    assert not threads()


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("event loop of")]


async def fail(error: BaseException) -> None:
    raise error


async def forever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


def test_a_coroutine_runs_in_the_thread_of_the_loop_and_its_result_is_returned(loop):
    async def where() -> str:
        return threading.current_thread().name

    assert loop.run(where(), 5) == "event loop of outgoing test 't'"


def test_what_it_raises_comes_through_a_time_out_of_its_own_too(loop):
    for error in (ValueError("a"), TimeoutError("its own")):
        with pytest.raises(type(error), match=f"^{error}$"):
            loop.run(fail(error), 5)


def test_at_its_deadline_it_is_cancelled_and_the_setting_is_named(loop):
    ended: list[str] = []
    with pytest.raises(TimedOut, match=r"test 't': no answer within 0\.05 s, .*connect_timeout"):
        loop.run(forever(ended), 0.05, "connect_timeout")
    assert ended == ["ended"]
    assert loop.run(asyncio.sleep(0, "alive"), 5) == "alive"


def test_a_blocked_loop_is_told_from_a_silent_peer(loop, monkeypatch):
    monkeypatch.setattr(module, "BLOCKED_WAIT", 0.05)
    going = threading.Event()

    async def block() -> None:
        going.wait(10)

    with pytest.raises(TimedOut, match=r"is blocked: no answer within 0\.01 s"):
        loop.run(block(), 0.01)
    going.set()
    assert loop.run(asyncio.sleep(0, "alive"), 5) == "alive"


def test_a_call_that_was_given_up_before_its_turn_does_not_begin(loop, monkeypatch):
    monkeypatch.setattr(module, "BLOCKED_WAIT", 0.05)
    blocked, going = threading.Event(), threading.Event()
    begun: list[str] = []

    async def block() -> None:
        blocked.set()
        going.wait(30)

    async def begin() -> None:
        begun.append("begun")

    loop.spawn(block(), "block")
    assert blocked.wait(30)
    with pytest.raises(TimedOut, match="is blocked"):
        loop.run(begin(), 0.01)
    going.set()
    assert loop.run(asyncio.sleep(0, "alive"), 5) == "alive"
    assert not begun


def test_time_limits_within_a_call_are_its_own(loop):
    async def inner() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "inner"
        return "none"

    assert loop.run(inner(), 30) == "inner"


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3), KeyboardInterrupt()])
def test_a_fault_in_a_background_task_is_reported_and_the_loop_goes_on(loop, faults, error):
    loop.spawn(fail(error), "reader")
    wait_until(lambda: faults, 5)
    (reported,) = faults
    if isinstance(error, Exception):
        assert reported is error
    else:
        assert isinstance(reported, HansaError) and reported.__cause__ is error
    assert loop.run(asyncio.sleep(0, "alive"), 5) == "alive"


def test_a_call_that_would_end_the_process_fails(loop, faults):
    with pytest.raises(HansaError, match="tried to end the process by SystemExit"):
        loop.run(fail(SystemExit(3)), 5)
    assert not faults


def test_what_nobody_handles_in_a_callback_is_reported(loop, faults):
    async def call_later() -> None:
        asyncio.get_running_loop().call_soon(int, "no number")

    loop.run(call_later(), 5)
    wait_until(lambda: faults, 5)
    assert isinstance(faults[0], ValueError)


def test_stop_cancels_everything_and_callers_that_wait_are_told(loop):
    ended: list[str] = []
    loop.spawn(forever(ended), "background")
    waiting = in_background(loop.run, forever(ended), 30)
    wait_until(lambda: len(asyncio.all_tasks(loop._loop)) == 2, 5)
    loop.stop()
    with pytest.raises(Unavailable, match="outgoing test 't' was stopped"):
        waiting.result(5)
    assert ended == ["ended", "ended"]
    loop.stop()
    with pytest.raises(Unavailable, match="is not running"):
        loop.run(asyncio.sleep(0), 5)
    with pytest.raises(Unavailable, match="is not running"):
        loop.spawn(asyncio.sleep(0), "late")


def test_one_that_does_not_let_itself_be_cancelled_is_named(monkeypatch, caplog):
    monkeypatch.setattr(module, "STOP_WAIT", 0.1)
    stubborn = EventLoop("s", print)
    stubborn.start()
    going = threading.Event()

    async def stay() -> None:
        while not going.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    stubborn.spawn(stay(), "stubborn task")
    began = time.monotonic()
    stubborn.stop()
    going.set()
    assert time.monotonic() - began < 5
    assert "does not end when it is cancelled" in caplog.text and "stubborn task" in caplog.text
    wait_until(lambda: not threads(), 5)


def test_what_is_called_soon_runs_in_the_loop_and_its_fault_is_reported(loop, faults):
    called: list[object] = []
    error = ValueError("x")

    def call(argument: object) -> None:
        called.append((argument, threading.current_thread().name))
        raise error

    loop.soon(call, 7)
    wait_until(lambda: faults == [error])
    assert called == [(7, "event loop of outgoing test 't'")]


def test_what_was_to_be_called_soon_is_called_though_it_stops(loop):
    called: list[int] = []
    loop.soon(time.sleep, 0.1)  # it is busy until it is stopped
    for number in range(10):
        loop.soon(called.append, number)
    loop.stop()
    assert called == list(range(10))
    with pytest.raises(Unavailable, match="is not running"):
        loop.soon(called.append, 10)


def test_a_call_from_the_loop_itself_would_wait_for_ever(loop):
    async def call() -> None:
        loop.run(asyncio.sleep(0), 5)

    with pytest.raises(RuntimeError, match="in the event loop itself"):
        loop.run(call(), 5)


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["run", "late", "fail", "spawn", "break"]), max_size=12),
    stop_after=st.integers(0, 12),
)
def test_whatever_runs_when_it_stops_nothing_is_left(steps, stop_after):
    faults: list[BaseException] = []
    one = EventLoop("o", faults.append)
    one.start()
    ended: list[str] = []
    calls = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, step in enumerate(steps):
            if number == stop_after:
                one.stop()
            work = {
                "run": lambda: one.run(asyncio.sleep(0, "r"), 5),
                "late": lambda: one.run(forever(ended), 0.001),
                "fail": lambda: one.run(fail(ValueError()), 5),
                "spawn": lambda: one.spawn(forever(ended), "s"),
                "break": lambda: one.spawn(fail(OSError()), "b"),
            }
            calls.append((step, in_background(work[step])))
        one.stop()
        outcomes = [(step, call.exception(5)) for step, call in calls]
        gc.collect()
    expected = {"run": type(None), "late": TimedOut, "fail": ValueError, "break": type(None)}
    for step, error in outcomes:
        assert isinstance(error, (expected.get(step, type(None)), Unavailable)), (step, error)
    assert all(isinstance(error, OSError) for error in faults)
    assert not threads()


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as running:
        yield running


def test_a_real_client_reads_in_the_background_and_ends_without_a_trace(loop, faults, valkey):
    """redis-py's asyncio client, which is a dependency of core, subscribes and publishes."""
    got: list[bytes] = []

    async def connect() -> redis.asyncio.Redis:
        client = redis.asyncio.Redis.from_url(valkey.address)
        subscription = client.pubsub()
        await subscription.subscribe("news")
        await subscription.get_message(timeout=5)
        loop.spawn(read(client, subscription), "reader")
        return client

    async def read(client: redis.asyncio.Redis, subscription: redis.asyncio.client.PubSub) -> None:
        try:
            async for message in subscription.listen():
                got.append(message["data"])
        finally:
            await subscription.aclose()
            await client.aclose()

    client = loop.run(connect(), 5)
    calls = [in_background(loop.run, client.publish("news", str(n)), 5) for n in range(20)]
    assert [call.result(5) for call in calls] == [1] * 20
    wait_until(lambda: len(got) == 20, 5)
    with pytest.raises(TimedOut, match=r"no answer within 0\.1 s"):
        loop.run(client.blpop("empty"), 0.1)
    assert loop.run(client.ping(), 5)
    loop.stop()
    assert not faults
    with redis.Redis.from_url(valkey.address) as other:
        wait_until(lambda: len(other.client_list()) == 1, 5, "its connections are closed")
