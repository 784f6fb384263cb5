"""The workbench of failed messages: found, grouped, shown, edited, replayed once by the new
version, deleted, exported.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hansa import Conflict, Forbidden, Invalid, NotFound, Request, Unavailable, load
from hansa.contract.service import Binding
from hansa_admin.causes import pattern
from hansa_devkit.harness.waiting import wait_until
from hansa_queue import plugin, services
from hansa_queue.early import QueueSection
from hansa_queue.failed import DAY
from hansa_queue.index import Selection
from hansa_queue.upkeep import Upkeep
from hypothesis import given, strategies as st

from plugins.queue.tests.conftest import Cluster, Worker
from plugins.queue.tests.test_queue import balanced, idle


def call(worker: Worker, operation: str, **settings: Any) -> Any:
    """Call an admin service as the gateway does; raises its error."""
    worker.registry.replace_services("plugin queue", [])
    cls = next(one for one in plugin.hansa_services() if one.get_name() == f"admin.{operation}")
    from hansa.contract.registry import RegisteredService

    worker.registry.replace_services(cls.name, [RegisteredService(cls.name, cls, cls.name)])
    return worker.invoke(cls.name, settings)


@pytest.fixture
def broken(cluster: Cluster) -> Worker:
    """A worker with failed messages: 6 of `orders` for two causes, 2 of `bills`."""

    def orders(self: Any) -> None:
        number = self.request.payload["n"]
        raise (
            KeyError("rate")
            if number % 2
            else RuntimeError(f"no stock for {number}, see K{number:027d}")
        )

    def bills(self: Any) -> None:
        raise RuntimeError("no stock for 1")

    cluster.service("orders", orders)
    cluster.service("bills", bills)
    worker = cluster.worker(max_attempts=1)
    for number in range(6):
        worker.queue.put("orders", {"n": number}, f"C{number}", extra={"h": number})
    wait_until(lambda: worker.status()["failed"] == 6)
    for number in range(2):
        worker.queue.put("bills", {"n": number}, f"B{number}")
    wait_until(lambda: worker.status()["failed"] == 8)
    return worker


def cids(answer: Any) -> set[str]:
    return {item["cid"] for item in answer["items"]}


def test_list_by_service_cause_group_time_and_page(broken: Worker):
    everything = call(broken, "failed.list")
    assert everything["total"] == 8
    assert [i["at"] for i in everything["items"]] == sorted(
        (i["at"] for i in everything["items"]), reverse=True
    )
    assert cids(call(broken, "failed.list", service="bills")) == {"B0", "B1"}
    assert cids(call(broken, "failed.list", cause="NO STOCK")) == {"C0", "C2", "C4", "B0", "B1"}
    assert cids(call(broken, "failed.list", cause="keyerror", service="orders")) == {
        "C1",
        "C3",
        "C5",
    }
    group = call(broken, "failed.groups", service="bills")["items"][0]["group"]
    assert cids(call(broken, "failed.list", group=group)) == {"B0", "B1"}
    moment = min(item["at"] for item in call(broken, "failed.list", service="bills")["items"])
    assert cids(call(broken, "failed.list", since=moment - 0.001)) == {"B0", "B1"}
    assert call(broken, "failed.list", until=moment - 60)["total"] == 0
    pages = [call(broken, "failed.list", offset=offset, limit=3) for offset in (0, 3, 6)]
    assert [item for page in pages for item in page["items"]] == everything["items"]
    assert {page["total"] for page in pages} == {8}


def test_groups_by_cause_leave_numbers_aside(broken: Worker):
    groups = call(broken, "failed.groups")
    assert [(g["service"], g["cause"], g["count"]) for g in groups["items"]] == [
        ("orders", "KeyError: 'rate'", 3),
        ("orders", "RuntimeError: no stock for *, see *", 3),
        ("bills", "RuntimeError: no stock for *", 2),
    ]
    for group in groups["items"]:
        assert group["first"] <= group["last"]
        assert call(broken, "failed.get", id=group["latest"])["group"] == group["group"]


@given(st.text(max_size=200), st.integers(0, 10**9), st.uuids())
def test_numbers_and_identifiers_do_not_divide_a_group(words: str, number: int, uuid: Any):
    line = words.replace("\n", " ").replace("\r", " ")
    assert pattern(f"E: {line} {number} {uuid}") == pattern(
        f"E: {line} {number + 1} {uuid.hex}\nmore"
    )


def test_everything_is_shown_of_one(broken: Worker):
    identifier = call(broken, "failed.list", cause="KeyError")["items"][0]["id"]
    found = call(broken, "failed.get", id=identifier)
    number = found["payload"]["n"]
    assert (found["service"], found["cid"], found["extra"], found["attempts"]) == (
        "orders",
        f"C{number}",
        {"h": number},
        1,
    )
    assert found["cause"] == "KeyError: 'rate'"
    assert "KeyError" in found["traceback"]
    assert found["history"][0]["attempt"] == 1
    with pytest.raises(NotFound):
        call(broken, "failed.get", id="1-1")


def test_the_new_version_gets_what_is_replayed(broken: Worker, cluster: Cluster):
    cluster.service(
        "orders",
        lambda self: cluster.report(
            (self.request.payload["n"], self.cid, self.request.extra["h"], self.request.attempt)
        ),
    )
    answer = call(broken, "failed.replay", service="orders")
    assert answer == {"replayed": 6, "left": 0, "missing": []}
    wait_until(lambda: len(cluster.seen) == 6)
    assert sorted(cluster.seen) == [(n, f"C{n}", n, 1) for n in range(6)]
    assert call(broken, "failed.list")["total"] == 2
    wait_until(lambda: idle(broken))
    assert balanced(broken)


def test_one_that_fails_again_keeps_its_whole_history(broken: Worker):
    identifier = call(broken, "failed.list", service="bills")["items"][0]["id"]
    call(broken, "failed.edit", id=identifier, payload={"n": 7}, extra={"x": 1})
    call(broken, "failed.replay", ids=[identifier])
    wait_until(lambda: call(broken, "failed.list")["total"] == 8)
    found = call(broken, "failed.get", id=call(broken, "failed.list")["items"][0]["id"])
    assert (found["payload"], found["extra"]) == ({"n": 7}, {"x": 1})
    assert [h["cause"] for h in found["history"]] == [
        "RuntimeError: no stock for 1",
        "edited: extra, payload",
        "RuntimeError: no stock for 1",
    ]


def test_a_double_click_replays_once(broken: Worker, cluster: Cluster):
    cluster.service("orders", lambda self: cluster.report(self.cid))
    ids = [item["id"] for item in call(broken, "failed.list", service="orders")["items"]]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: broken.queue.failed.replay(Selection(ids)), range(8)))
    assert sum(answer.replayed for answer in answers) == 6
    wait_until(lambda: len(cluster.seen) >= 6 and idle(broken))
    assert Counter(cluster.seen) == {f"C{n}": 1 for n in range(6)}
    again = call(broken, "failed.replay", ids=ids[:1])
    assert again == {"replayed": 0, "left": 0, "missing": ids[:1]}


def test_edited_while_replayed(broken: Worker, cluster: Cluster):
    cluster.service("orders", lambda self: cluster.report(self.request.payload))
    identifier = call(broken, "failed.list", service="orders")["items"][0]["id"]
    assert call(broken, "failed.replay", ids=[identifier], payload={"new": 1})["replayed"] == 1
    wait_until(lambda: cluster.seen == [{"new": 1}])
    assert call(broken, "failed.replay", ids=[identifier], payload={"new": 2})["missing"] == [
        identifier
    ]
    with pytest.raises(NotFound):
        call(broken, "failed.edit", id=identifier, payload=3)
    for wrong in (
        {"ids": [], "payload": 1, "all": True},
        {"ids": ["1-0", "2-0"], "payload": 1},
        {},
    ):
        with pytest.raises(Invalid):
            call(broken, "failed.replay", **wrong)


def test_an_edit_that_comes_second_is_refused(broken: Worker, monkeypatch: pytest.MonkeyPatch):
    failed = broken.queue.failed
    identifier = call(broken, "failed.list")["items"][0]["id"]
    stale = failed._read(identifier)
    failed.edit(identifier, {"payload": 1}, "anne")
    monkeypatch.setattr(failed, "_read", lambda identifier: stale)
    with pytest.raises(Conflict):
        failed.edit(identifier, {"payload": 2}, "bob")
    monkeypatch.undo()
    shown = failed.get(identifier)
    assert (shown["payload"], shown["history"][-1]["cause"]) == (1, "edited by anne: payload")


def test_another_service_may_be_called(broken: Worker, cluster: Cluster):
    cluster.service("other", lambda self: cluster.report(self.request.payload))
    identifier = call(broken, "failed.list", service="bills")["items"][0]["id"]
    with pytest.raises(NotFound):
        call(broken, "failed.edit", id=identifier, service="nobody")
    with pytest.raises(Invalid):
        call(broken, "failed.edit", id=identifier)
    assert call(broken, "failed.edit", id=identifier, service="other")["service"] == "other"
    call(broken, "failed.replay", ids=[identifier])
    wait_until(lambda: len(cluster.seen) == 1)


def test_who_may_not_call_a_service_changes_no_message_to_it(broken: Worker):
    def judge(principal: object, service: str) -> None:
        if (principal, service) != ("anne", "orders"):
            raise Forbidden(f"{principal} may not call {service}")

    broken.administration.judge_calls_by(judge)
    orders = call(broken, "failed.list", service="orders")["items"][0]["id"]
    bills = call(broken, "failed.list", service="bills")["items"][0]["id"]

    def changed(by: str, operation: str, **settings: Any) -> bool:
        cls = next(one for one in plugin.hansa_services() if one.get_name() == operation)
        request = Request(payload=settings)
        request.principal = by
        binding = Binding(operation, broken.as_server)
        try:
            cls.compile(binding)(request)
        except Forbidden:
            return False
        return True

    assert not changed("eve", "admin.failed.edit", id=orders, payload=1)
    assert not changed("eve", "admin.failed.replay", ids=[orders], payload=1)
    assert not changed("anne", "admin.failed.edit", id=orders, service="bills")
    assert not changed("anne", "admin.failed.edit", id=bills, extra={"a": 1})
    assert call(broken, "failed.list")["total"] == 8
    assert changed("anne", "admin.failed.edit", id=bills, service="orders")
    assert changed("anne", "admin.failed.edit", id=orders, payload=1)


def test_a_replay_into_a_full_queue_leaves_the_rest(broken: Worker, cluster: Cluster):
    waiting = cluster.worker(start=False, max_queued=4)
    broken.queue.stop(5)
    answer = call(waiting, "failed.replay", all=True)
    assert answer == {"replayed": 4, "left": 4, "missing": []}
    assert call(waiting, "failed.list")["total"] == 4
    assert balanced(waiting)


def test_a_thousand_are_replayed_and_each_is_delivered_once(cluster: Cluster):
    def fails(self: Any) -> None:
        raise RuntimeError("the back end is down")

    cluster.service("s", fails)
    workers = [cluster.worker(max_attempts=1) for _ in range(2)]
    for number in range(1000):
        workers[number % 2].queue.put("s", number, f"C{number}")
    wait_until(lambda: workers[0].status()["failed"] == 1000, 60)
    cluster.service("s", lambda self: cluster.report(self.request.payload))  # the new deployment
    with ThreadPoolExecutor(2) as pool:  # a double click
        answers = list(pool.map(lambda worker: call(worker, "failed.replay", all=True), workers))
    assert sum(answer["replayed"] for answer in answers) == 1000
    wait_until(lambda: len(cluster.seen) >= 1000 and idle(workers[0]), 60)
    assert sorted(cluster.seen) == list(range(1000))
    assert workers[0].status()["failed"] == 0
    assert balanced(workers[0])


def test_delete_for_good(broken: Worker):
    assert call(broken, "failed.delete", service="bills") == {"deleted": 2, "missing": []}
    identifier = call(broken, "failed.list")["items"][0]["id"]
    assert call(broken, "failed.delete", ids=[identifier, "1-1"]) == {
        "deleted": 1,
        "missing": ["1-1"],
    }
    with pytest.raises(Invalid, match="give ids"):
        call(broken, "failed.delete")
    assert call(broken, "failed.delete", all=True)["deleted"] == 5
    assert broken.status()["counts"]["deleted"] == 8
    assert balanced(broken)


def test_export_as_json_lines(broken: Worker):
    answer = call(broken, "failed.export", service="orders", limit=4)
    assert (answer["count"], answer["total"]) == (4, 6)
    rest = call(broken, "failed.export", service="orders", limit=4, offset=4)
    lines = [json.loads(line) for line in (answer["lines"] + rest["lines"]).splitlines()]
    assert [one["id"] for one in lines] == [
        item["id"] for item in call(broken, "failed.list", service="orders")["items"]
    ]
    assert lines[0] == json.loads(json.dumps(call(broken, "failed.get", id=lines[0]["id"])))


def test_the_status_is_an_admin_service(broken: Worker):
    found = call(broken, "queue.status")
    assert (found["failed"], found["durability"]["aof"]) == (8, True)
    assert abs(found["at"] - time.time()) < 5


def test_without_the_queue_it_is_said_by_name(broken: Worker):
    queue = broken.queue
    queue.stop(5)
    broken.queue = None  # type: ignore[assignment] # as in a worker without hansa-queue
    with pytest.raises(Unavailable, match="hansa-queue"):
        call(broken, "failed.list")
    broken.queue = queue


def test_a_choice_of_nothing_means_everything():
    assert load(services.SelectedMessages, {"all": True}).selection() == Selection()


def test_what_failed_long_ago_is_deleted_and_logged(
    broken: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    queue = broken.queue
    queue.upkeep.stop()
    now = queue.failed._now()
    monkeypatch.setattr(queue.failed, "_now", lambda: now + 365 * DAY)
    queue.upkeep._forget_failed()
    assert broken.status()["failed"] == 8, "kept for 366 days"
    monkeypatch.setattr(queue.failed, "_now", lambda: now + 367 * DAY)
    keep = Upkeep(queue.failed, queue.replays, "keeps all", QueueSection(failed_days=0))
    keep._forget_failed()
    assert broken.status()["failed"] == 8
    queue.upkeep._forget_failed()
    assert broken.status()["failed"] == 0
    assert "8 failed messages were deleted" in caplog.text
    while queue.failed.remove_deleted():
        pass
    left = {key for key in queue.store.failed_keys if queue.store.redis.exists(key)}
    assert left == set(), "nothing is left of them, nor of their index"
