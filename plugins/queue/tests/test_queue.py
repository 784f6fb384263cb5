"""The queue: every accepted call ends in one of the ways it may, whatever its service, its worker
and Redis do.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Annotated, Any

import pytest
from hansa import Invalid, Model, Secret, Service, TooMany, Unavailable, load, setting
from hansa_devkit.harness.waiting import wait_until
from hansa_queue.early import QueueSection
from hansa_queue.index import Selection
from hansa_queue.queue import RedisQueue
from hansa_redis.engine import Valkey
from hypothesis import HealthCheck, given, settings, strategies as st

from plugins.queue.tests.conftest import FAST, Cluster, Worker
from plugins.redis.tests.support import end, launch, peer


class Order(Model):
    number: Annotated[int, setting("Its number")]


def balanced(worker: Worker) -> bool:
    """Whether everything accepted is somewhere."""
    found = worker.status()
    counts = found["counts"]
    places = ("queued", "running", "delayed", "failed")
    return counts["accepted"] == counts["finished"] + counts["deleted"] + sum(
        found[place] for place in places
    )


def idle(worker: Worker) -> bool:
    found = worker.status()
    return not (found["queued"] or found["running"] or found["delayed"])


def failed(worker: Worker) -> list[dict[str, Any]]:
    return [
        worker.queue.failed.get(identifier)
        for identifier, _ in worker.queue.failed.find(Selection())
    ]


# -- what goes in comes out ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "seen"),
    [
        (None, None),
        ({"a": [1, 2.5, "ä"]}, {"a": [1, 2.5, "ä"]}),
        ("text", "text"),
        (b"\x00\xff", b"\x00\xff"),
        (Order(number=1), {"number": 1}),
    ],
)
def test_payload_cid_and_extra_arrive(cluster: Cluster, payload: Any, seen: Any):
    cluster.service(
        "s",
        lambda self: cluster.report(
            (self.request.payload, self.cid, dict(self.request.extra), self.request.attempt)
        ),
    )
    cluster.worker().queue.put("s", payload, "C1", extra={"x": 1})
    wait_until(lambda: cluster.seen)
    assert cluster.seen == [
        (seen, "C1", {"x": 1, "in_reply_to": "", "parent_cid": "", "caller": ""}, 1)
    ]


def test_what_json_cannot_hold_is_refused_where_it_is_put(cluster: Cluster):
    worker = cluster.worker(start=False)
    with pytest.raises(Invalid, match="object"):
        worker.queue.put("s", {"a": object()}, "C")
    assert worker.status()["counts"]["accepted"] == 0


def test_callbacks_get_the_answer_with_the_cid_they_answer(cluster: Cluster):
    cluster.service("s", lambda self: {"n": self.request.payload["n"] + 1})
    for name in ("one", "two"):
        cluster.service(
            name,
            lambda self, name=name: cluster.report(
                (name, self.request.payload, self.request.extra["in_reply_to"])
            ),
        )
    worker = cluster.worker()
    worker.queue.put("s", {"n": 1}, "C1", callback=["one", "two"])
    wait_until(lambda: len(cluster.seen) == 2)
    assert sorted(cluster.seen) == [("one", {"n": 2}, "C1"), ("two", {"n": 2}, "C1")]
    wait_until(lambda: idle(worker))
    assert worker.status()["counts"]["accepted"] == 3
    assert balanced(worker)


def test_what_json_does_not_have_is_refused_by_its_place_and_the_rest_is_read_again(
    cluster: Cluster,
):
    seen: list[Any] = []
    cluster.service("s", lambda self: seen.append(self.request.payload))
    worker = cluster.worker()
    with pytest.raises(Invalid, match=r"payload\.rates\[1\]: nan is no number of JSON"):
        worker.queue.put("s", {"rates": [1.0, math.nan]}, "C1")
    with pytest.raises(Invalid, match="cannot be written as JSON"):
        worker.queue.put("s", {"a": object()}, "C2")
    worker.queue.put("s", {"set": {1}, "keys": {1: 2}, "bytes": b"x", "key": Secret("k")}, "C3")
    wait_until(lambda: idle(worker))
    assert seen == [{"set": [1], "keys": {"1": 2}, "bytes": "eA==", "key": "k"}]


def test_a_callback_that_cannot_be_queued_stands_with_the_failed(cluster: Cluster):
    cluster.service("odd", lambda self: {"a": object()})
    cluster.service("s", lambda self: {"n": 1})
    worker = cluster.worker(max_queued=1)
    worker.queue.put("odd", None, "C1", callback=["s"])
    wait_until(lambda: worker.status()["failed"] == 1)
    worker.queue.put(
        "s", None, "C2", callback=["gone", "s"]
    )  # one callback more than there is room for
    wait_until(lambda: worker.status()["failed"] == 3, what=worker.status)
    causes = sorted(f"{one['service']} {one['cause']}" for one in failed(worker))
    assert causes[0].startswith("gone NotFound: no service is named 'gone'")
    assert causes[1].startswith("s the payload for s cannot be queued")
    assert causes[2] == "s the queue was full when this callback was to be queued"
    assert balanced(worker)


def test_a_delay_is_kept(cluster: Cluster):
    cluster.service("s", lambda self: cluster.report(time.monotonic()))
    worker = cluster.worker()
    began = time.monotonic()
    worker.queue.put("s", None, "C", delay=0.5)
    assert worker.status()["delayed"] == 1
    wait_until(lambda: cluster.seen)
    assert 0.5 <= cluster.seen[0] - began < 2


# -- attempts --------------------------------------------------------------------------------------


def test_exactly_so_many_attempts_then_failed_with_its_history(cluster: Cluster):
    def poison(self: Any) -> None:
        cluster.report((self.request.payload, self.request.attempt))
        raise RuntimeError(f"number {self.request.attempt}")

    cluster.service("poison", poison)
    worker = cluster.worker(max_attempts=4)
    worker.queue.put("poison", "a", "C1", extra={"header": "h"})
    worker.queue.put("poison", "b", "C2", max_attempts=2)
    wait_until(lambda: worker.status()["failed"] == 2)
    assert sorted(cluster.seen) == [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 1), ("b", 2)]
    found = {one["cid"]: one for one in failed(worker)}["C1"]
    assert (found["payload"], found["extra"], found["attempts"], found["service"]) == (
        "a",
        {"header": "h"},
        4,
        "poison",
    )
    assert found["cause"] == "RuntimeError: number 4"
    assert "raise RuntimeError" in found["traceback"]
    assert [(h["attempt"], h["cause"]) for h in found["history"]] == [
        (n, f"RuntimeError: number {n}") for n in range(1, 5)
    ]
    assert {h["worker"] for h in found["history"]} == {"server/0.1"}


def test_what_is_rejected_is_not_tried_again(cluster: Cluster):
    def refuses(self: Any) -> None:
        cluster.report(1)
        raise Invalid({"n": "is no number"})

    cluster.service("s", refuses)
    worker = cluster.worker()
    worker.queue.put("s", None, "C")
    wait_until(lambda: worker.status()["failed"] == 1)
    assert cluster.seen == [1]


def test_pauses_grow_with_jitter_and_honour_retry_after(cluster: Cluster):
    def busy(self: Any) -> None:
        cluster.report(time.monotonic())
        raise TooMany("later", retry_after=1) if len(cluster.seen) == 1 else RuntimeError("no")

    cluster.service("s", busy)
    worker = cluster.worker(max_attempts=3, first_delay=0.1, last_delay=10.0)
    worker.queue.put("s", None, "C")
    wait_until(lambda: worker.status()["failed"] == 1)
    first, second, third = cluster.seen
    assert 1.0 <= second - first < 2.0
    assert 0.16 <= third - second < 1.2, (
        "0.2 s, give or take 20 %, and the quarter of a second in which it is looked for"
    )


def test_a_service_that_a_worker_does_not_know_yet_is_waited_for(cluster: Cluster):
    worker = cluster.worker(max_attempts=50)
    worker.queue.put("late", None, "C")
    wait_until(lambda: worker.status()["counts"]["retried"] >= 1)
    cluster.service("late", lambda self: cluster.report("done"))
    wait_until(lambda: cluster.seen == ["done"])


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(["raise", "reject"]), max_size=4), st.integers(1, 4)),
        min_size=1,
        max_size=6,
    )
)
def test_any_mixture_of_outcomes_is_accounted_for(valkey: str, plans: list[tuple[list[str], int]]):
    """Each message fails as planned and then succeeds: it runs as often as its plan and its
    attempts say, no more, no less.
    """
    cluster = Cluster(valkey)

    def act(self: Any) -> None:
        number, attempt = self.request.payload, self.request.attempt
        cluster.report(number)
        plan = plans[number][0]
        if attempt <= len(plan):
            raise Invalid("rejected") if plan[attempt - 1] == "reject" else RuntimeError("raised")

    cluster.service("s", act)
    workers = [cluster.worker(first_delay=0.001, last_delay=0.001) for _ in range(2)]
    try:
        for number, (_, most) in enumerate(plans):
            workers[number % 2].queue.put("s", number, f"C{number}", max_attempts=most)
        wait_until(lambda: idle(workers[0]))
        for number, (plan, most) in enumerate(plans):
            until = plan.index("reject") + 1 if "reject" in plan else len(plan) + 1
            assert cluster.seen.count(number) == min(until, most)
        dead = sum("reject" in plan[:most] or len(plan) >= most for plan, most in plans)
        assert workers[0].status()["failed"] == dead
        assert balanced(workers[0])
    finally:
        for worker in workers:
            worker.queue.stop(5)


# -- workers that die or stand still ---------------------------------------------------------------


def ghost(worker: Worker, deliveries: int) -> None:
    """Have the next message delivered so many times to workers that end without a word."""
    store = worker.queue.store
    store.redis.xreadgroup("workers", "ghost 1", {store.stream: ">"}, count=1)
    for number in range(2, deliveries + 1):
        wait_until(
            lambda number=number: store.claim(keys=[store.stream], args=[f"ghost {number}", 50])
        )


def test_a_message_of_a_dead_worker_is_taken_over_and_its_attempt_counted(cluster: Cluster):
    cluster.service("s", lambda self: cluster.report(self.request.attempt))
    worker = cluster.worker(start=False)
    worker.queue.store.prepare()
    worker.queue.put("s", None, "C")
    ghost(worker, 2)
    began = time.monotonic()
    worker.queue.start()
    wait_until(lambda: cluster.seen)
    assert cluster.seen == [3]
    assert time.monotonic() - began < FAST["lease"] + 2
    wait_until(lambda: idle(worker))
    assert balanced(worker)


def test_a_message_that_kills_its_workers_fails_after_so_many_deliveries(cluster: Cluster):
    cluster.service("s", lambda self: cluster.report("ran"))
    worker = cluster.worker(start=False, max_attempts=3)
    worker.queue.store.prepare()
    worker.queue.put("s", {"n": 1}, "C")
    ghost(worker, 3)
    worker.queue.start()
    wait_until(lambda: worker.status()["failed"] == 1)
    assert cluster.seen == [], "it had its three attempts"
    (found,) = failed(worker)
    assert (found["attempts"], len(found["history"]), found["payload"]) == (3, 3, {"n": 1})
    assert "the worker ended" in found["cause"]


def test_a_long_service_is_not_run_twice_while_its_worker_lives(cluster: Cluster):
    def work(self: Service) -> None:
        cluster.report("begun")
        time.sleep(2.5)
        cluster.report("done")

    cluster.service("long", work)
    workers = [cluster.worker() for _ in range(2)]
    workers[0].queue.put("long", None, "C")
    wait_until(lambda: "done" in cluster.seen)
    wait_until(lambda: idle(workers[0]))
    assert cluster.seen == ["begun", "done"]
    assert workers[0].status()["counts"]["refused"] == 0


def test_a_worker_that_stood_still_past_its_lease_commits_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    go_on = threading.Event()

    def act(self: Any) -> dict[str, Any]:
        cluster.report(self.request.attempt)
        if self.request.attempt == 1:
            go_on.wait(10)
        return {"attempt": self.request.attempt}

    cluster.service("s", act)
    cluster.service("back", lambda self: cluster.report(self.request.payload))
    first = cluster.worker()
    monkeypatch.setattr(
        first.queue.readers, "_renew", lambda idle=0.0: None
    )  # as if it were stopped by a signal
    first.queue.put("s", None, "C", callback=["back"])
    wait_until(lambda: cluster.seen == [1])
    cluster.worker()
    wait_until(lambda: {"attempt": 2} in cluster.seen)
    go_on.set()
    wait_until(lambda: first.status()["counts"]["refused"] == 1)
    wait_until(lambda: idle(first))
    assert cluster.seen == [1, 2, {"attempt": 2}], "one result is committed, that of the second"
    assert balanced(first)


def test_what_does_not_end_in_time_goes_to_another_worker_at_once(cluster: Cluster):
    forever = threading.Event()

    def work(self: Service) -> None:
        cluster.report(self.request.attempt)
        if self.request.attempt == 1:
            forever.wait(20)

    cluster.service("s", work)
    first = cluster.worker(lease=30.0)
    first.queue.put("s", None, "C")
    wait_until(lambda: cluster.seen == [1])
    second = cluster.worker(lease=30.0)
    began = time.monotonic()
    first.queue.stop(0.1)
    wait_until(lambda: cluster.seen == [1, 2])
    assert time.monotonic() - began < 12, "and not only after the lease of 30 s"
    forever.set()
    wait_until(lambda: idle(second))


def test_a_stopped_worker_takes_nothing_more_and_is_forgotten(cluster: Cluster):
    cluster.service("s", lambda self: cluster.report(1))
    first, second = cluster.worker(), cluster.worker(start=False)
    first.queue.stop(5)
    second.queue.put("s", None, "C")
    store = second.queue.store
    assert [
        one
        for one in store.redis.xinfo_consumers(store.stream, "workers")
        if one["name"].decode() == first.queue.holder
    ] == []
    assert cluster.seen == []
    assert second.status()["queued"] == 1


# -- bounds, and a Redis that is full, gone or silent ----------------------------------------------


def test_a_full_queue_refuses_with_a_word_when_to_come_again(cluster: Cluster):
    worker = cluster.worker(start=False, max_queued=3)
    worker.queue.put("s", None, "C", delay=60)
    for _ in range(2):
        worker.queue.put("s", None, "C")
    for delay in (0.0, 5.0):
        with pytest.raises(Unavailable, match="holds 3 calls") as refused:
            worker.queue.put("s", None, "C", delay=delay)
        assert refused.value.headers["Retry-After"] == "5"
    found = worker.status()
    assert (found["counts"]["accepted"], found["queued"], found["delayed"]) == (3, 2, 1)
    wait_until(lambda: 1 <= worker.status()["oldest"] < 10)


def test_when_redis_is_full_nothing_more_is_accepted_and_what_runs_still_ends(cluster: Cluster):
    begun, go_on = threading.Event(), threading.Event()

    def wait(self: Service) -> None:
        begun.set()
        go_on.wait(20)

    cluster.service("s", wait)
    worker = cluster.worker()
    redis = worker.queue.store.redis
    before = redis.config_get("maxmemory")["maxmemory"]
    worker.queue.put("s", None, "C")
    assert begun.wait(10)
    try:
        redis.config_set("maxmemory", 1)
        with pytest.raises(Unavailable, match="not queued"):
            worker.queue.put("s", None, "C")
        go_on.set()
        wait_until(lambda: worker.status()["counts"]["finished"] == 1)
    finally:
        redis.config_set("maxmemory", before or 0)
    assert balanced(worker)


def test_an_outage_loses_nothing_and_is_answered_for(tmp_path: Any):
    engine = Valkey(tmp_path)
    process = launch(engine)
    cluster = Cluster(engine.address)
    begun, go_on = threading.Event(), threading.Event()

    def hold(self: Service) -> dict[str, int]:
        begun.set()
        go_on.wait(20)
        return {"ok": 1}

    cluster.service("held", hold)
    cluster.service("s", lambda self: cluster.report(self.request.payload))
    worker = cluster.worker(lease=15.0)
    try:
        worker.queue.put("held", None, "C", callback=["s"])
        assert begun.wait(10)
        for number in range(50):
            worker.queue.put("s", number, "C", delay=0.3)
        process.kill()
        process.wait()
        began = time.monotonic()
        with pytest.raises(Unavailable, match="not queued"):
            worker.queue.put("s", "refused", "C")
        assert time.monotonic() - began < 5
        assert "error" in worker.status()
        go_on.set()  # ends while Redis is away: its outcome waits
        process = launch(engine)
        back = time.monotonic()
        wait_until(lambda: len(cluster.seen) == 51)
        assert time.monotonic() - back < 8, "readers are back within 5 s"
        wait_until(lambda: idle(worker))
        assert {"ok": 1} in cluster.seen
        assert sorted(n for n in cluster.seen if isinstance(n, int)) == list(range(50))
        assert balanced(worker)
    finally:
        worker.queue.stop(5)
        end(process)
        engine.close()


def test_a_redis_that_says_nothing_is_given_up_in_time():
    server = type("Server", (), {"id": "s/0.1"})()
    with peer(lambda connection: connection.recv(1)) as address:
        queue = RedisQueue(server, address, "test:silent", QueueSection(**FAST))
        began = time.monotonic()
        with pytest.raises(Unavailable, match="in time"):
            queue.put("s", None, "C")
        assert time.monotonic() - began < 5


@pytest.mark.proves("async invocation", "durability")
def test_status_names_what_redis_keeps(cluster: Cluster):
    worker = cluster.worker(start=False)
    assert worker.status()["durability"] == {
        "aof": True,
        "fsync": "always",
        "loss": "nothing, also when power fails",
    }
    redis = worker.queue.store.redis
    redis.config_set("appendfsync", "everysec")
    assert "about a second when power fails" in worker.status()["durability"]["loss"]
    redis.config_set("appendfsync", "always")


def test_what_redis_does_not_tell_is_unknown(cluster: Cluster):
    worker = cluster.worker(start=False)
    redis = worker.queue.store.redis
    redis.acl_setuser("default", enabled=True, commands=["-config|get"])
    try:
        found = worker.status()["durability"]
        assert (found["aof"], found["fsync"]) == (True, "unknown")
        assert "an unknown time when power fails" in found["loss"]
    finally:
        redis.acl_setuser("default", enabled=True, commands=["+config|get"])


def test_the_status_of_an_emptied_redis_is_that_of_an_empty_queue(cluster: Cluster):
    worker = cluster.worker(start=False)
    worker.queue.put("orders", {}, "C1")
    store = worker.queue.store
    assert worker.status()["queued"] == 1
    store.redis.delete(store.stream, store.counts)
    found = worker.status()
    assert (found["queued"], found["running"], found["oldest"]) == (0, 0, 0.0)
    worker.queue.put("orders", {}, "C2")
    assert worker.status()["queued"] == 1


def test_redis_without_a_file_is_warned_of(cluster: Cluster, caplog: pytest.LogCaptureFixture):
    worker = cluster.worker(start=False)
    redis = worker.queue.store.redis
    redis.config_set("appendonly", "no")
    try:
        worker.queue.start()
        assert "no append-only file" in caplog.text
        assert worker.status()["durability"]["aof"] is False
    finally:
        redis.config_set("appendonly", "yes")


def test_what_is_no_call_stands_with_the_failed(cluster: Cluster):
    worker = cluster.worker()
    worker.queue.store.redis.xadd(worker.queue.store.stream, {"call": b"{not json"})
    wait_until(lambda: worker.status()["failed"] == 1)
    (found,) = failed(worker)
    assert found["cause"].startswith("not a call")
    assert found["payload"] == {"$base64": "e25vdCBqc29u"}


def test_the_section_is_checked():
    with pytest.raises(Invalid) as caught:
        load(QueueSection, {"first_delay": 5.0, "last_delay": 1.0})
    assert list(caught.value.errors) == ["last_delay"]
