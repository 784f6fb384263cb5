"""Where a queued call comes from: the message that queued it and its trace; and calls in the queue,
listed.
"""

from __future__ import annotations

import threading
from typing import Any

import msgspec
from hansa import Service, TraceContext, current_caller, current_trace
from hansa.contract.service import current_cid
from hansa_devkit.harness.waiting import wait_until
from hansa_queue.call import Call, decode
from hansa_queue.index import Selection

from plugins.queue.tests.conftest import Cluster, Worker
from plugins.queue.tests.test_failed import call

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ATTEMPT = "00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01"


def put_within(worker: Worker, cid: str, **options: Any) -> None:
    """Queue a call as the service of a message would whose step is the parent above."""
    context = TraceContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331)
    tokens = current_cid.set("K1"), current_trace.set(context)
    try:
        worker.queue.put("s", None, cid, **options)
    finally:
        current_cid.reset(tokens[0])
        current_trace.reset(tokens[1])


def origin_of(service: Service) -> tuple[str, str, str, str]:
    request = service.request
    extra = request.extra
    return (
        request.cid,
        extra["parent_cid"],
        extra["in_reply_to"],
        request.headers.get("traceparent", ""),
    )


def test_a_call_says_which_message_queued_it(cluster: Cluster):
    cluster.service("s", lambda self: cluster.report(origin_of(self)))
    worker = cluster.worker()
    put_within(worker, "K2")
    worker.queue.put("s", None, "K3")
    wait_until(lambda: len(cluster.seen) == 2)
    assert sorted(cluster.seen) == [("K2", "K1", "", PARENT), ("K3", "", "", "")]


def test_callbacks_come_from_the_attempt_that_succeeded(cluster: Cluster):
    def act(self: Service) -> None:
        cluster.report(origin_of(self))
        # as hansa-trace does around each call
        self.request.trace = TraceContext(0x0AF7651916CD43DD8448EB211C80319C, 0xAA)
        if self.request.attempt == 1:
            raise RuntimeError("again")

    cluster.service("s", act)
    cluster.service("back", lambda self: cluster.report(origin_of(self)))
    worker = cluster.worker()
    put_within(worker, "K2", callback=["back"])
    wait_until(lambda: len(cluster.seen) == 3)
    assert cluster.seen == [
        ("K2", "K1", "", PARENT),
        ("K2", "K1", "", PARENT),
        ("K2", "K2", "K2", ATTEMPT),
    ]


def test_a_call_says_which_service_queued_it(cluster: Cluster):
    def report(self: Service) -> None:
        cluster.report((self.get_name(), self.request.extra["caller"]))

    cluster.service("s", report)
    cluster.service("back", report)
    worker = cluster.worker()
    caller = current_caller()
    caller.service = "orders.get"
    try:
        worker.queue.put("s", None, "K1", callback=["back"])
    finally:
        caller.service = ""
    wait_until(lambda: len(cluster.seen) == 2)
    assert cluster.seen == [("s", "orders.get"), ("back", "s")]


def test_a_failed_message_keeps_where_it_came_from(cluster: Cluster):
    def act(self: Service) -> None:
        cluster.report(origin_of(self))
        raise RuntimeError("no")

    cluster.service("s", act)
    worker = cluster.worker(max_attempts=1)
    put_within(worker, "K2")
    put_within(worker, "K3")
    wait_until(lambda: worker.status()["failed"] == 2)
    (item,) = call(worker, "failed.list", cid="K2")["items"]
    assert call(worker, "failed.get", id=item["id"])["parent_cid"] == "K1"
    worker.queue.failed.replay(Selection([item["id"]]))
    wait_until(lambda: len(cluster.seen) == 3)
    assert cluster.seen[2] == ("K2", "K1", "", PARENT)


def test_calls_of_an_older_version_are_read():
    old = msgspec.json.encode({"service": "s", "payload": 1, "cid": "K2", "created": 1.0})
    found = decode(old)
    assert (found.parent_cid, found.headers) == ("", {})


def test_what_is_put_in_writing_is_no_longer_than_need_be():
    assert b"headers" not in msgspec.json.encode(Call("s"))


def test_calls_in_the_queue_are_listed(cluster: Cluster):
    begun = threading.Event()
    go = threading.Event()

    def act(self: Service) -> None:
        begun.set()
        go.wait(10)

    cluster.service("s", act)
    worker = cluster.worker(async_threads=1)
    put_within(worker, "K2")
    assert begun.wait(10)
    for number in range(3):
        worker.queue.put("s", {"secret": number}, f"W{number}")
    worker.queue.put("s", None, "D1", delay=60)
    answer = call(worker, "queue.list")
    states = [(one["cid"], one["state"], one["worker"]) for one in answer["items"]]
    assert states == [
        ("K2", "running", worker.id),
        ("W0", "waiting", ""),
        ("W1", "waiting", ""),
        ("W2", "waiting", ""),
        ("D1", "delayed", ""),
    ]
    assert answer["complete"]
    assert "secret" not in repr(answer)
    (one,) = call(worker, "queue.list", cid="K2")["items"]
    assert (one["parent_cid"], one["attempt"], one["due"]) == ("K1", 1, None)
    (one,) = call(worker, "queue.list", state="delayed")["items"]
    assert one["due"] - one["at"] > 50
    assert call(worker, "queue.list", service="t")["items"] == []
    answer = call(worker, "queue.list", limit=2)
    assert (len(answer["items"]), answer["complete"]) == (2, False)
    go.set()
    wait_until(lambda: worker.status()["queued"] == 0 and worker.status()["running"] == 0)


def test_an_empty_queue_is_listed(cluster: Cluster):
    worker = cluster.worker(start=False)
    assert call(worker, "queue.list") == {"items": [], "complete": True}
