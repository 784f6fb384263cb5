"""Threads grow with calls that wait, not with calls that compute, and shrink again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hansa import Response
from hansa_devkit.harness.waiting import wait_until
from hansa_http import core_load, service_pool
from hansa_http.core_load import WINDOW
from hansa_http.service_pool import AT_ONCE, KEEP, RESTING, ServicePool


class Clock:
    """Stands for the clocks of the machine, and of what the process has computed."""

    def __init__(self) -> None:
        self.now = 100.0
        self.computed = 5.0
        self.delayed = 3.0

    def monotonic(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.computed

    def time(self) -> float:
        return self.now

    def run_delay(self) -> float:
        return self.delayed

    def passes(self, seconds: float, share: float = 0.0, delay: float = 0.0) -> None:
        self.now += seconds
        self.computed += seconds * share
        self.delayed += seconds * delay


class Waiting:
    """A request whose service waits until `release` is set."""

    def __init__(self, release: threading.Event) -> None:
        self.release = release
        self.began = threading.Event()

    def service(self) -> None:
        self.began.set()
        self.release.wait(30)

    def cancel(self) -> None:
        pass


class Tried:
    """A pool of 2 to 40 threads under a clock of the test's own."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.pool = ServicePool(2, 40)
        self.release = threading.Event()
        self.requests: list[Waiting] = []
        wait_until(lambda: self.pool.active_count == 0)

    def ask(self, count: int) -> None:
        """Have requests that wait; return when each has a thread that could have one."""
        for _ in range(count):
            request = Waiting(self.release)
            self.requests.append(request)
            self.pool.add_task(request)  # type: ignore[arg-type]  # all that a pool asks of it
        self.settle()

    def settle(self) -> None:
        """Wait until all threads are busy, or nothing stands in line."""
        pool = self.pool
        wait_until(lambda: not pool.queue or pool.active_count == pool.size == len(pool.running))

    def step(self, share: float = 0.0, delay: float = 0.0) -> float:
        """Let a window pass; returns when it wants to be asked again."""
        self.clock.passes(WINDOW * 1.01, share, delay)
        pause = self.pool.adapt()
        self.settle()
        return pause


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tried]:
    clock = Clock()
    monkeypatch.setattr(service_pool, "time", clock)
    monkeypatch.setattr(core_load, "time", clock)
    monkeypatch.setattr(core_load, "run_delay", clock.run_delay)
    made = Tried(clock)
    yield made
    made.release.set()
    made.pool.shutdown(timeout=5)


def test_calls_that_wait_get_threads(tried: Tried):
    tried.ask(50)
    assert tried.pool.size == 2
    for _ in range(2):
        assert tried.step() == WINDOW, "whether they wait, or stand in line for a processor"
        assert tried.pool.size == 2
    tried.step()
    assert tried.pool.size == 2 + AT_ONCE
    tried.step()
    tried.step()
    assert (tried.pool.size, tried.pool.is_largest) == (40, True)
    assert len(tried.pool.queue) == 10
    assert tried.step() == RESTING, "nothing more can be done"


def test_no_more_than_stand_in_line(tried: Tried):
    tried.ask(5)
    for _ in range(3):
        tried.step()
    assert tried.pool.size == 5
    assert tried.step() == RESTING


def test_calls_that_compute_get_none(tried: Tried):
    tried.ask(10)
    for _ in range(20):
        assert tried.step(share=0.9) == WINDOW
    assert tried.pool.size == 2
    tried.step(share=0.3)
    tried.step(share=0.3)
    assert tried.pool.size == 2 + 8, "as soon as they wait"


def test_calls_that_get_no_processor_get_none(tried: Tried):
    tried.ask(10)
    for _ in range(20):
        assert tried.step(share=0.2, delay=0.6) == WINDOW
    assert tried.pool.size == 2
    tried.step(share=0.2, delay=0.1)
    assert tried.pool.size == 2 + 8


def test_a_moment_in_line_is_no_reason(tried: Tried):
    tried.ask(3)
    tried.pool.adapt()
    tried.clock.passes(WINDOW / 2)
    assert tried.pool.adapt() == WINDOW
    tried.release.set()
    wait_until(lambda: not tried.pool.queue and tried.pool.active_count == 0)
    tried.clock.passes(WINDOW)
    assert tried.pool.adapt() == RESTING
    assert tried.pool.size == 2


def test_threads_that_are_not_needed_end(tried: Tried):
    tried.ask(12)
    for _ in range(3):
        tried.step()
    assert tried.pool.size == 12
    tried.release.set()
    wait_until(lambda: tried.pool.active_count == 0)
    tried.clock.passes(KEEP)
    tried.pool.adapt()
    assert tried.pool.size == 12, "they were needed at the beginning"
    tried.release.clear()
    tried.ask(5)
    tried.pool.adapt()
    tried.clock.passes(KEEP)
    tried.pool.adapt()
    assert tried.pool.size == 5
    tried.release.set()
    wait_until(lambda: tried.pool.active_count == 0)
    for _ in range(2):
        tried.clock.passes(KEEP)
        tried.pool.adapt()
    wait_until(lambda: len(tried.pool.threads) == 2)


def test_it_is_not_stuck_while_a_thread_more_may_be_started(tried: Tried):
    tried.ask(2)
    wait_until(lambda: len(tried.pool.running) == 2)
    tried.clock.passes(60)
    assert tried.pool.stuck == 0.0
    tried.ask(38)
    while not tried.pool.is_largest:
        tried.step()
    wait_until(lambda: len(tried.pool.running) == 40)
    tried.clock.passes(60)
    assert tried.pool.stuck >= 60


def test_it_is_stuck_when_calls_that_compute_for_ever_keep_others_in_line(tried: Tried):
    tried.ask(2)
    wait_until(lambda: len(tried.pool.running) == 2)
    tried.clock.passes(60, share=1.0)
    tried.ask(1)
    tried.step(share=1.0)
    assert tried.pool.stuck < 1.0, "a request that has just come may get a thread"
    for _ in range(3):
        tried.clock.passes(20, share=1.0)
        tried.pool.adapt()
    assert tried.pool.size == 2
    assert tried.pool.stuck >= 60
    tried.pool.take_waiting()
    tried.step(share=1.0)
    assert tried.pool.stuck == 0.0, "nothing waits for a thread"


def test_a_listener_answers_more_calls_that_wait_than_it_has_threads(sites: Any, http_server: str):
    site = sites(threads=2, max_threads=30)
    together = threading.Barrier(31)

    def wait_for_all(request: Any) -> Response:
        together.wait(30)
        return Response(cid=request.cid)

    site.add().dispatch = wait_for_all
    clients = [site.connect() for _ in range(30)]
    for client in clients:
        client.sendall(b"GET /test HTTP/1.1\r\nHost: x\r\n\r\n")
    together.wait(30)
    with ThreadPoolExecutor(30) as readers:
        assert all(found.startswith(b"HTTP/1.1 200") for found in readers.map(_read, clients))
    own = 0 if http_server == "waitress" else 1  # the last of the threads that read is kept free
    assert site.listener.lanes.services.size == 30 - own


def _read(client: Any) -> bytes:
    with client:
        return bytes(client.recv(1000))


def test_fewer_than_are_kept_are_as_many():
    pool = ServicePool(3, 1)
    try:
        assert (pool.size, pool.is_largest) == (3, True)
    finally:
        pool.shutdown(timeout=5)
