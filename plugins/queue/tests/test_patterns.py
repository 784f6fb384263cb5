"""Patterns: every step has one final state, good or bad, and those who are to know are told once."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from hansa import Invalid, NotFound, Service, Unavailable
from hansa_devkit.harness.waiting import wait_until
from hansa_queue import fan_out, invoke_retry, parallel
from hypothesis import HealthCheck, given, settings, strategies as st

from plugins.queue.tests.conftest import Cluster, Worker
from plugins.queue.tests.test_queue import balanced, ghost, idle


@pytest.fixture
def worker(cluster: Cluster) -> Worker:
    """A worker with services that double, fail, and report what they are told."""
    cluster.service("double", lambda self: self.request.payload * 2)

    def fails(self: Any) -> None:
        raise RuntimeError("never")

    cluster.service("fails", fails)
    for name in ("told", "final"):
        cluster.service(name, lambda self, name=name: cluster.report((name, self.request.payload)))
    return cluster.worker(max_attempts=2)


def told(cluster: Cluster, name: str) -> list[Any]:
    return [payload for who, payload in cluster.seen if who == name]


def test_fan_out_and_fan_in(cluster: Cluster, worker: Worker):
    cid = fan_out(worker.as_server, {"double": 21, "fails": {"n": 1}}, "final", ["told"])
    wait_until(lambda: told(cluster, "final"))
    (final,) = told(cluster, "final")
    assert (final["source"], final["on_final"], final["on_target"]) == (
        worker.name,
        ["final"],
        ["told"],
    )
    assert set(final["data"]) == {"double", "fails"}
    good, bad = final["data"]["double"], final["data"]["fails"]
    assert (good["ok"], good["response"], good["exception"], good["cid"], good["target"]) == (
        True,
        42,
        None,
        cid,
        "double",
    )
    assert (bad["ok"], bad["response"], bad["target"], bad["source"]) == (
        False,
        None,
        "fails",
        worker.name,
    )
    assert "RuntimeError: never" in bad["exception"]
    assert datetime.fromisoformat(good["req_ts_utc"]) <= datetime.fromisoformat(good["resp_ts_utc"])
    wait_until(lambda: idle(worker))
    assert {one["target"]: one for one in told(cluster, "told")} == final["data"]
    assert worker.status()["failed"] == 1, "what failed for good can be looked at, too"
    assert balanced(worker)


def test_a_replay_of_a_failed_target_ends_nothing_twice(cluster: Cluster, worker: Worker):
    fan_out(worker.as_server, {"fails": 1}, "final", "told")
    wait_until(lambda: told(cluster, "final"))
    cluster.service("fails", lambda self: cluster.report(("ran", None)))
    worker.queue.failed.replay(_all())
    wait_until(lambda: told(cluster, "ran") and idle(worker))
    assert Counter(name for name, _ in cluster.seen) == {"final": 1, "told": 1, "ran": 1}


def _all() -> Any:
    from hansa_queue.index import Selection

    return Selection()


def test_from_a_service_with_its_name_and_cid(cluster: Cluster, worker: Worker):
    cluster.service(
        "start", lambda self: parallel(self, {"double": 1, "fails": 2}, ["told", "final"])
    )
    worker.queue.put("start", None, "C1")
    wait_until(lambda: len(cluster.seen) == 4)
    assert {(one["source"], one["cid"]) for _, one in cluster.seen} == {("start", "C1")}
    assert Counter((name, one["target"]) for name, one in cluster.seen) == {
        (name, target): 1 for name in ("told", "final") for target in ("double", "fails")
    }


def test_nobody_to_call_is_final_at_once(cluster: Cluster, worker: Worker):
    fan_out(worker.as_server, {}, "final")
    wait_until(lambda: told(cluster, "final"))
    assert told(cluster, "final")[0]["data"] == {}
    parallel(worker.as_server, {}, "told")
    wait_until(lambda: idle(worker))


def test_all_or_none_are_queued(cluster: Cluster, worker: Worker):
    with pytest.raises(NotFound, match="nobody"):
        fan_out(worker.as_server, {"double": 1, "nobody": 2}, "final")
    with pytest.raises(NotFound):
        fan_out(worker.as_server, {"double": 1}, "nobody")
    with pytest.raises(Invalid):
        fan_out(worker.as_server, {"double": object()}, "final")
    small = cluster.worker(start=False, max_queued=1)
    with pytest.raises(Unavailable, match="holds 1 calls"):
        fan_out(small.as_server, {"double": 1, "fails": 2}, "final")
    assert worker.status()["counts"]["accepted"] == 0


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_any_number_of_targets_ends_once(valkey: str, good: list[bool]):
    cluster = Cluster(valkey)

    def act(self: Any) -> Any:
        if not self.request.payload:
            raise Invalid("no")
        return self.request.payload

    for number in range(len(good)):
        cluster.service(f"t{number}", act)
    cluster.service("final", lambda self: cluster.report(self.request.payload["data"]))
    workers = [cluster.worker() for _ in range(2)]
    try:
        fan_out(
            workers[0].as_server, {f"t{number}": one for number, one in enumerate(good)}, "final"
        )
        wait_until(lambda: cluster.seen)
        wait_until(lambda: idle(workers[0]))
        assert [{name: state["ok"] for name, state in cluster.seen[0].items()}] == [
            {f"t{n}": one for n, one in enumerate(good)}
        ]
        assert len(cluster.seen) == 1
    finally:
        for worker in workers:
            worker.queue.stop(5)


def test_a_target_whose_worker_dies_runs_again_also_if_it_has_one_attempt(cluster: Cluster):
    cluster.service("s", lambda self: {"attempt": self.request.attempt})
    cluster.service("final", lambda self: cluster.report(self.request.payload["data"]["s"]))
    worker = cluster.worker(start=False, max_attempts=3)
    worker.queue.store.prepare()
    fan_out(worker.as_server, {"s": 1}, "final", max_attempts=1)
    ghost(worker, 2)
    worker.queue.start()
    wait_until(lambda: cluster.seen)
    assert (cluster.seen[0]["ok"], cluster.seen[0]["response"]) == (True, {"attempt": 3})


def test_a_target_that_kills_every_worker_is_told_as_failed(cluster: Cluster):
    cluster.service("s", lambda self: None)
    cluster.service("final", lambda self: cluster.report(self.request.payload["data"]["s"]))
    worker = cluster.worker(start=False, max_attempts=3)
    worker.queue.store.prepare()
    fan_out(worker.as_server, {"s": 1}, "final")
    ghost(worker, 3)
    worker.queue.start()
    wait_until(lambda: cluster.seen)
    assert cluster.seen[0]["ok"] is False
    assert "worker ended" in cluster.seen[0]["exception"]


# -- invoke-retry ----------------------------------------------------------------------------------


def test_repeated_here_until_it_succeeds(cluster: Cluster, worker: Worker):
    left = [Invalid("one"), RuntimeError("two")]

    def act(self: Any) -> Any:
        if left:
            raise left.pop(0)
        return "answer"

    cluster.service("s", act)
    began = time.monotonic()
    assert invoke_retry(worker.as_server, "s", 1, repeats=3, seconds=0.05) == "answer"
    assert time.monotonic() - began >= 0.1
    calls: list[int] = []

    def refuse(self: Service) -> None:
        calls.append(1)
        raise Invalid("always")

    cluster.service("s", refuse)
    with pytest.raises(Invalid, match="always"):
        invoke_retry(worker.as_server, "s", repeats=4, seconds=0)
    assert len(calls) == 4
    with pytest.raises(NotFound):
        invoke_retry(worker.as_server, "nobody")
    with pytest.raises(Invalid):
        invoke_retry(worker.as_server, "s", repeats=0)
    with pytest.raises(Invalid):
        invoke_retry(worker.as_server, "s", seconds=-1)


def _raise(error: Exception) -> Any:
    raise error


def test_repeated_by_the_queue_and_told_in_the_end(cluster: Cluster, worker: Worker):
    attempts: list[float] = []

    def act(self: Any) -> Any:
        attempts.append(time.monotonic())
        return {"n": len(attempts)} if len(attempts) == 3 else _raise(Invalid("not yet"))

    cluster.service("s", act)
    cid = invoke_retry(
        worker.as_server,
        "s",
        {"p": 1},
        repeats=5,
        seconds=0.3,
        callback="told",
        context={"a": 1},
        wait=False,
    )
    (state,) = wait_until(lambda: told(cluster, "told"))
    assert {
        key: state[key]
        for key in (
            "ok",
            "response",
            "call_cid",
            "target",
            "context",
            "retry_repeats",
            "retry_seconds",
        )
    } == {
        "ok": True,
        "response": {"n": 3},
        "call_cid": cid,
        "target": "s",
        "context": {"a": 1},
        "retry_repeats": 5,
        "retry_seconds": 0.3,
    }
    assert state["orig_cid"] != cid
    assert all(later - earlier >= 0.3 for earlier, later in itertools.pairwise(attempts))


def test_told_that_it_failed_for_good(cluster: Cluster, worker: Worker):
    ran: list[int] = []

    def fail(self: Service) -> None:
        ran.append(1)
        raise RuntimeError("never")

    cluster.service("s", fail)
    invoke_retry(
        worker.as_server, "s", repeats=3, seconds=0, callback=["told", "final"], wait=False
    )
    wait_until(lambda: len(cluster.seen) == 2)
    assert {(one["ok"], one["response"]) for _, one in cluster.seen} == {(False, None)}
    assert len(ran) == 3
    assert worker.status()["failed"] == 1


def test_patterns_without_a_queue_say_what_is_missing(cluster: Cluster, worker: Worker):
    bare: Any = type("Server", (), {"registry": worker.registry, "name": "s", "queue": None})()
    with pytest.raises(Unavailable, match="hansa-queue"):
        fan_out(bare, {"double": 1}, "final")


def test_many_at_once_do_not_mix(cluster: Cluster, worker: Worker):
    second = cluster.worker()
    threads = [
        threading.Thread(
            target=fan_out, args=((worker, second)[n % 2], {"double": n, "told": n}, "final")
        )
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(told(cluster, "final")) == 20)
    assert sorted(one["data"]["double"]["response"] for one in told(cluster, "final")) == [
        2 * n for n in range(20)
    ]
