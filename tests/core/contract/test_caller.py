"""Which service calls, in threads and tasks that continue the work of another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from hansa import current_caller, event_loop


def calls(service: str) -> str:
    """Call a service as a plugin counts it; returns who called."""
    caller = current_caller()
    within = caller.service
    caller.service = service
    return within


def in_a_copy(call: Callable[[], str]) -> str:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, call).result()


def test_a_thread_has_one_caller() -> None:
    assert current_caller() is current_caller()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: current_caller().service).result() == ""


def test_threads_that_continue_a_service_do_not_change_who_calls_elsewhere() -> None:
    current_caller().service = "a"
    try:
        assert in_a_copy(lambda: calls("b")) == "a"
        assert in_a_copy(lambda: calls("c")) == "a"
        assert current_caller().service == "a"
    finally:
        current_caller().service = ""


def test_one_that_is_left_behind_goes_on_as_it_began() -> None:
    current_caller().service = "late"
    try:
        context = copy_context()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(context.run, lambda: calls("inner")).result() == "late"
            current_caller().service = "next"
            assert pool.submit(context.run, lambda: calls("late")).result() == "inner"
        assert current_caller().service == "next"
    finally:
        current_caller().service = ""


def test_tasks_of_the_event_loop_that_continue_a_service_have_callers_of_their_own() -> None:
    async def calls_and_waits(service: str) -> tuple[str, str]:
        within = calls(service)
        await asyncio.sleep(0)
        return within, current_caller().service

    async def calls_at_once() -> list[tuple[str, str]]:
        current_caller().service = "a"
        found = await asyncio.gather(calls_and_waits("b"), calls_and_waits("c"))
        assert current_caller() is current_caller()
        assert current_caller().service == "a"
        assert in_a_copy(lambda: calls("d")) == "a"
        return list(found)

    assert event_loop.wait(calls_at_once()) == [("a", "b"), ("a", "c")]
    assert current_caller().service == ""
