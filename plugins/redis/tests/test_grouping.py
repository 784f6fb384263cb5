"""Commands of many threads: each gets its own answer or error, within its own deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hansa import deadline
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.bus import open_redis
from hansa_redis.grouping import CommandGroups
from hansa_redis.pools import LastGivenBack
from redis import Redis, exceptions

from plugins.redis.tests.support import close_last

THREADS = 16


@pytest.fixture
def client(address: str) -> Iterator[Redis]:
    with open_redis(address) as client:
        client.delete("taken", "text", "number")
        yield client


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


def held(groups: CommandGroups, begin: Callable[[], list[Future[object]]]) -> list[Future[object]]:
    """Begin calls while a group is on its way, so that they gather."""
    with groups._sending:
        begun = begin()
        wait_until(lambda: _gathered(groups) == len(begun))
    return begun


def _gathered(groups: CommandGroups) -> int:
    return len(groups._gathering.commands) if groups._gathering else 0


def test_each_thread_gets_its_answer(client: Redis, pool: ThreadPoolExecutor):
    groups = CommandGroups(client)

    def many(thread: int) -> None:
        for number in range(200):
            text = f"{thread} {number}"
            assert groups.execute("ECHO", text) == text

    list(pool.map(many, range(THREADS)))


def test_what_is_claimed_by_many_is_got_by_one(client: Redis, pool: ThreadPoolExecutor):
    groups = CommandGroups(client)
    command = ("SET", "taken", "1", "NX", "EX", 60)
    begun = held(groups, lambda: [pool.submit(groups.execute, *command) for _ in range(THREADS)])
    assert sorted(str(one.result(10)) for one in begun) == ["None"] * (THREADS - 1) + ["OK"]


def test_an_error_is_that_of_its_command_alone(client: Redis, pool: ThreadPoolExecutor):
    groups = CommandGroups(client)
    client.set("text", "a")
    commands = [("ECHO", "one"), ("INCR", "text"), ("INCR", "number"), ("NONSENSE",)]
    begun = held(groups, lambda: [pool.submit(groups.execute, *command) for command in commands])
    answers = {
        str(command): one.exception(10) or one.result()
        for command, one in zip(commands, begun, strict=True)
    }
    assert answers["('ECHO', 'one')"] == "one"
    assert answers["('INCR', 'number')"] == 1
    for command in ("('INCR', 'text')", "('NONSENSE',)"):
        assert isinstance(answers[command], exceptions.ResponseError)
    assert groups.execute("ECHO", "two") == "two", "the connection has no answer left"


def test_a_connection_that_was_closed_is_replaced(client: Redis, pool: ThreadPoolExecutor):
    groups = CommandGroups(client)
    mine = groups.execute("CLIENT", "ID")
    connections = client.connection_pool
    assert isinstance(connections, LastGivenBack)
    close_last(connections)
    begun = held(groups, lambda: [pool.submit(groups.execute, "ECHO", "a") for _ in range(5)])
    assert [one.result(10) for one in begun] == ["a"] * 5
    assert groups.execute("CLIENT", "ID") != mine


def test_a_thread_whose_deadline_passes_leaves_the_others(client: Redis, pool: ThreadPoolExecutor):
    groups = CommandGroups(client)
    is_late = threading.Event()

    def hurried() -> object:
        with deadline(0.2):
            try:
                return groups.execute("ECHO", "late")
            finally:
                is_late.set()

    with groups._sending:
        first = pool.submit(hurried)
        wait_until(lambda: _gathered(groups) == 1)
        second = pool.submit(groups.execute, "ECHO", "patient")
        assert is_late.wait(10)
        # the first would have sent for both: now each is on its own
        assert second.result(10) == "patient"
    with pytest.raises((TimeoutError, exceptions.TimeoutError)):
        first.result(10)
    assert groups.execute("ECHO", "next") == "next"
