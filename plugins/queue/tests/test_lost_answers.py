"""Answers of Redis that do not arrive, and a queue that somebody empties: what was taken is not
forgotten, and was no attempt unless it was begun.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from hansa import TimedOut
from hansa_devkit.harness.waiting import wait_until
from hansa_queue import committing
from hansa_queue.waiting import Wanted, queued_calls

from plugins.queue.tests.conftest import Cluster, Worker
from plugins.queue.tests.test_queue import balanced, failed, idle


class LosesAnswers:
    """A script of a worker, some answers of which do not arrive; `rooms` is how many calls each run
    may take.
    """

    def __init__(self, worker: Worker, name: str, losses: int) -> None:
        self.rooms: list[int] = []
        self.losses = losses
        self._place = {"done": 2, "finish": 4}[name]
        self._script = getattr(worker.queue.store, name)
        setattr(worker.queue.store, name, self)

    def __call__(self, *, keys: list[str], args: list[Any]) -> Any:
        self.rooms.append(args[self._place])
        answer = self._script(keys=keys, args=args)
        if len(self.rooms) <= self.losses:
            raise TimedOut("Redis does not answer")
        return answer


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look soon for what was in an answer that did not arrive."""
    monkeypatch.setattr(committing, "UNKNOWN", 0.3)


@pytest.mark.parametrize(("script", "threads"), [("done", 4), ("finish", 1)])
def test_what_was_in_an_answer_that_did_not_arrive_is_no_attempt(
    cluster: Cluster, soon: None, script: str, threads: int
):
    cluster.service("s", lambda self: cluster.report((self.request.payload, self.request.attempt)))
    worker = cluster.worker(start=False, async_threads=threads, lease=30.0, max_attempts=1)
    worker.queue.readers._hand._run_seconds = 0.0001
    lossy = LosesAnswers(worker, script, 2)
    callback = ["s"] if script == "finish" else []
    worker.queue.put("s", 0, "C", callback=callback)
    worker.queue.put_many("s", range(1, 40), "C")
    worker.queue.start()
    wait_until(lambda: idle(worker), 20, worker.status)
    assert worker.status()["failed"] == 0, [one["cause"] for one in failed(worker)]
    seen = Counter(cluster.seen)
    assert all(seen[number, 1] == 1 for number in range(40))
    assert lossy.rooms[0] > 0 and lossy.rooms[1:3] == [0, 0]
    assert balanced(worker)


def test_what_was_begun_is_an_attempt_though_nobody_tells_redis_of_it(
    cluster: Cluster, soon: None, monkeypatch: pytest.MonkeyPatch
):
    cluster.service("s", lambda self: cluster.report(self.request.attempt))
    worker = cluster.worker(start=False, max_attempts=2)
    readers = worker.queue.readers
    monkeypatch.setattr(readers._committing, "commit", _fails)
    monkeypatch.setattr(readers._committing, "settle", _fails)
    monkeypatch.setattr(readers, "_run", lambda message: _fails(message))
    worker.queue.put("s", 0, "C")
    worker.queue.start()
    store = worker.queue.store

    def deliveries() -> int:
        pending = store.redis.xpending_range(store.stream, "workers", "-", "+", 10)
        return sum(one["times_delivered"] for one in pending)

    wait_until(lambda: deliveries() >= 3, 20)


def _fails(*args: Any) -> Any:
    raise RuntimeError("a fault of the queue")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_worker_goes_on_where_the_queue_was_emptied_while_it_ran_a_call(
    cluster: Cluster, threads: int
):
    begun, go_on = threading.Semaphore(0), threading.Event()

    def act(self: Any) -> None:
        if self.request.payload == "wait":
            begun.release()
            go_on.wait(30)
        cluster.report(self.request.payload)

    cluster.service("s", act)
    worker = cluster.worker(async_threads=threads, lease=30.0)
    worker.queue.put_many("s", ["wait"] * threads, "C")
    for _ in range(threads):
        assert begun.acquire(timeout=30)
    store = worker.queue.store
    store.redis.delete(store.stream, store.counts)
    go_on.set()
    worker.queue.put("s", "next", "C")
    wait_until(lambda: "next" in cluster.seen, 5)
    wait_until(lambda: idle(worker))


def test_a_refusal_needs_no_memory(cluster: Cluster):
    worker = cluster.worker(start=False)
    store = worker.queue.store
    store.prepare()
    worker.queue.put("s", 0, "C")
    store.redis.xreadgroup("workers", "another", {store.stream: ">"}, count=1)
    (pending,) = store.redis.xpending_range(store.stream, "workers", "-", "+", 1)
    before = store.redis.config_get("maxmemory")["maxmemory"]
    store.redis.config_set("maxmemory", 1)
    try:
        readers = worker.queue.readers
        outcome: list[Any] = [worker.queue.holder, 0, 0, pending["message_id"], 1]
        statuses, _ = store.done(keys=readers._committing._done_keys, args=outcome)
        assert statuses == [committing.REFUSED]
    finally:
        store.redis.config_set("maxmemory", before or 0)


UNREADABLE = [
    pytest.param(b'{"service":"s","payload":"\xff"}', id="no UTF-8"),
    pytest.param(b'{"service":"s","payload":' + b"[" * 5000 + b"]" * 5000 + b"}", id="too deep"),
]


@pytest.mark.parametrize("entry", UNREADABLE)
def test_what_cannot_be_read_at_all_stands_with_the_failed(cluster: Cluster, entry: bytes):
    worker = cluster.worker(lease=30.0)
    worker.queue.store.redis.xadd(worker.queue.store.stream, {"call": entry})
    wait_until(lambda: worker.status()["failed"] == 1)
    (found,) = failed(worker)
    assert found["cause"].startswith("not a call")


@pytest.mark.parametrize("entry", UNREADABLE)
def test_what_cannot_be_read_at_all_is_not_listed(cluster: Cluster, entry: bytes):
    store = cluster.worker(start=False).queue.store
    store.prepare()
    store.redis.xadd(store.stream, {"call": entry})
    assert queued_calls(store, Wanted(), 10) == ([], True)
