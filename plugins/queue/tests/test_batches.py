"""Calls go into the queue and out of it together where several are at hand, and otherwise each as
soon as it can.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from hansa import Invalid, Service, Unavailable, deadline
from hansa_devkit.harness.waiting import wait_until
from hansa_queue import accepting
from redis.exceptions import ConnectionError as RedisConnectionError

from plugins.queue.tests.conftest import Cluster, Worker
from plugins.queue.tests.test_queue import balanced, idle


class HeldPut:
    """The script that adds calls, the first run of which waits; `sizes` are the calls of each."""

    def __init__(self, worker: Worker) -> None:
        self.sizes: list[int] = []
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.error: Exception | None = None
        self._put = worker.queue.store.put

    def __call__(self, *, keys: list[str], args: list[Any]) -> Any:
        self.sizes.append(len(args) - 1)
        if len(self.sizes) == 1:
            self.begun.set()
            assert self.go_on.wait(30)
            if self.error is not None:
                raise self.error
        return self._put(keys=keys, args=args)


@contextmanager
def held(worker: Worker, others: int) -> Iterator[tuple[HeldPut, list[Future[None]]]]:
    """While one call is on the way to Redis, others are made by a thread each, and wait."""
    put = worker.queue.store.put = HeldPut(worker)  # type: ignore[assignment]  # counts them
    queue = worker.queue
    with ThreadPoolExecutor(others + 1) as threads:
        try:
            futures = [threads.submit(queue.put, "s", 0, "C")]
            assert put.begun.wait(30)
            for number in range(1, others + 1):
                futures.append(threads.submit(queue.put, "s", number, "C"))
            wait_until(lambda: len(queue._accepting._waiting) == others)
            yield put, futures
        finally:
            put.go_on.set()


def test_calls_of_several_threads_share_a_round_trip(cluster: Cluster):
    cluster.service("s", lambda self: cluster.report(self.request.payload))
    worker = cluster.worker(start=False)
    with held(worker, 9) as (put, futures):
        assert worker.status()["counts"]["accepted"] == 0
        put.go_on.set()
        for future in futures:
            future.result(30)
    assert put.sizes == [1, 9]
    assert worker.status()["queued"] == 10
    worker.queue.start()
    wait_until(lambda: idle(worker))
    assert sorted(cluster.seen) == list(range(10))
    assert balanced(worker)


def test_those_that_go_together_have_room_or_not_one_by_one(cluster: Cluster):
    worker = cluster.worker(start=False, max_queued=4)
    with held(worker, 9) as (put, futures):
        put.go_on.set()
        refused = [future for future in futures if future.exception(30)]
    assert len(refused) == 6
    for future in refused:
        with pytest.raises(Unavailable, match="holds 4 calls"):
            future.result()
    assert worker.status()["queued"] == worker.status()["counts"]["accepted"] == 4


def test_a_round_trip_that_fails_is_told_to_each_and_the_next_goes_on(cluster: Cluster):
    worker = cluster.worker(start=False)
    with held(worker, 3) as (put, futures):
        put.error = RedisConnectionError("away")
        put.go_on.set()
        with pytest.raises(Unavailable, match="the call of s was not queued: away"):
            futures[0].result(30)
        for future in futures[1:]:
            future.result(30)
    assert worker.status()["queued"] == 3


def test_a_call_that_waits_for_others_too_long_goes_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(accepting, "PATIENCE", 0.05)
    worker = cluster.worker(start=False)
    put = worker.queue.store.put = HeldPut(worker)  # type: ignore[assignment]  # counts them
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(worker.queue.put, "s", 0, "C")
        assert put.begun.wait(30)
        threads.submit(worker.queue.put, "s", 1, "C").result(30)
        assert worker.status()["queued"] == 1
        put.go_on.set()
        first.result(30)
    assert put.sizes == [1, 1]


def test_a_caller_with_little_time_left_does_not_end_the_calls_of_others(cluster: Cluster):
    worker = cluster.worker(start=False)
    with held(worker, 2) as (put, futures):
        with deadline(1.0):
            worker.queue.put("s", 3, "C")
        assert put.sizes == [1, 1]
        assert worker.status()["queued"] == 1
        put.go_on.set()
        for future in futures:
            future.result(30)
    assert put.sizes == [1, 1, 2]


def test_many_are_queued_in_their_order_or_none_is(cluster: Cluster):
    cluster.service(
        "s", lambda self: cluster.report((self.request.payload, self.cid, self.request.extra["x"]))
    )
    worker = cluster.worker(start=False, max_queued=25, async_threads=1)
    worker.queue.put_many("s", range(20), "C", extra={"x": 1})
    with pytest.raises(Unavailable, match="holds 25 calls"):
        worker.queue.put_many("s", range(6), "C")
    with pytest.raises(Unavailable, match="holds 25 calls"):
        worker.queue.put_many("s", range(6), "C", delay=60)
    with pytest.raises(Invalid, match="cannot be queued"):
        worker.queue.put_many("s", [1, object()], "C")
    with pytest.raises(Invalid, match="more than 10000 calls"):
        worker.queue.put_many("s", iter(range(10_001)), "C")
    worker.queue.put_many("s", [], "C")
    assert worker.status()["counts"]["accepted"] == 20
    worker.queue.start()
    wait_until(lambda: len(cluster.seen) == 20)
    assert cluster.seen == [(number, "C", 1) for number in range(20)]
    worker.queue.put_many("s", range(20, 25), "C", extra={"x": 1}, delay=0.2)
    assert worker.status()["delayed"] == 5
    wait_until(lambda: len(cluster.seen) == 25)
    assert [number for number, _, _ in cluster.seen] == list(range(25))
    wait_until(lambda: idle(worker))
    assert balanced(worker)


def test_calls_that_end_together_are_acknowledged_together(cluster: Cluster):
    cluster.service("s", lambda self: cluster.report(self.request.payload))
    worker = cluster.worker(start=False, async_threads=2)
    done = worker.queue.store.done
    sizes: list[int] = []

    def counted(*, keys: list[str], args: list[Any]) -> Any:
        sizes.append((len(args) - 3) // 2)
        return done(keys=keys, args=args)

    worker.queue.store.done = counted  # type: ignore[assignment]  # counts them
    worker.queue.put_many("s", range(500), "C")
    worker.queue.start()
    wait_until(lambda: idle(worker))
    assert Counter(cluster.seen) == Counter(range(500))
    assert sum(sizes) == 500
    assert len(sizes) < 250
    assert balanced(worker)


def test_an_answer_holds_few_large_calls_and_many_small_ones(cluster: Cluster):
    worker = cluster.worker(start=False)
    store = worker.queue.store
    store.prepare()
    keys = worker.queue.readers._committing._done_keys

    def taken() -> int:
        _, entries = store.done(keys=keys, args=[worker.queue.holder, 0, 64])
        return len(entries)

    worker.queue.put_many("s", ["x" * 200_000] * 20, "C")
    assert [taken(), taken(), taken(), taken()] == [8, 8, 4, 0]
    worker.queue.put_many("s", range(65), "C")
    assert [taken(), taken()] == [64, 1]
    worker.queue.put_many("s", ["x" * 600_000, "x" * 600_000], "C")
    assert taken() == 2


def waiting_service(cluster: Cluster) -> threading.Event:
    """Add a service that waits for an event where its payload says so; returns the event."""
    go_on = threading.Event()

    def act(self: Service) -> None:
        cluster.report((self.request.payload, self.request.attempt))
        if self.request.payload == "wait" and self.request.attempt == 1:
            go_on.wait(60)

    cluster.service("s", act)
    return go_on


def test_no_more_is_taken_than_threads_are_free_for_while_services_are_slow(cluster: Cluster):
    go_on = waiting_service(cluster)
    first = cluster.worker(async_threads=2)
    first.queue.put_many("s", ["wait"] * 6, "C")
    wait_until(lambda: len(cluster.seen) == 2)
    second = cluster.worker(async_threads=3)
    wait_until(lambda: len(cluster.seen) == 5)
    assert (first.status()["running"], first.status()["queued"]) == (5, 1)
    go_on.set()
    wait_until(lambda: idle(second))
    assert cluster.seen == [("wait", 1)] * 6


def test_what_was_read_ahead_and_is_held_up_goes_to_another_worker(cluster: Cluster):
    go_on = waiting_service(cluster)
    first = cluster.worker(start=False, async_threads=2, lease=30.0)
    first.queue.readers._hand._run_seconds = 0.0001
    first.queue.put_many("s", ["quick", "wait", "wait", *range(10)], "C")
    first.queue.start()
    wait_until(lambda: cluster.seen.count(("wait", 1)) == 2)
    second = cluster.worker(async_threads=1, lease=30.0)
    wait_until(lambda: len(cluster.seen) == 13, 20)
    assert Counter(cluster.seen) == Counter(
        [("quick", 1), ("wait", 1), ("wait", 1), *((number, 1) for number in range(10))]
    )
    go_on.set()
    wait_until(lambda: idle(second))
    assert second.status()["counts"]["refused"] == 0
    assert balanced(second)


def test_what_was_read_ahead_goes_back_when_its_worker_is_stopped(cluster: Cluster):
    go_on = waiting_service(cluster)
    first = cluster.worker(start=False, async_threads=2, lease=30.0)
    first.queue.readers._hand._run_seconds = 0.0001
    first.queue.put_many("s", ["quick", "wait", "wait", *range(10)], "C")
    first.queue.start()
    wait_until(lambda: cluster.seen.count(("wait", 1)) == 2)
    first.queue.stop(0.1)
    second = cluster.worker(async_threads=1, lease=30.0)
    wait_until(lambda: len(cluster.seen) == 15, 20)
    go_on.set()
    wait_until(lambda: idle(second))
    seen = Counter(cluster.seen)
    assert all(seen[number, 1] == 1 for number in range(10)), "what was not begun was no attempt"
    assert seen["wait", 2] == 2
    assert balanced(second)
