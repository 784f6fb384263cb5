"""The index of the failed messages is made that of the messages, whatever it was; and what is
removed goes although Redis is full.
"""

from __future__ import annotations

import pytest
from hansa import Service
from hansa_devkit.harness.waiting import wait_until
from hansa_queue.index import Selection
from hansa_queue.replays import Pace

from plugins.queue.tests.conftest import Cluster, Worker
from plugins.queue.tests.test_failed import broken, call
from plugins.queue.tests.test_queue import balanced

__all__ = ["broken"]


def counts(worker: Worker) -> dict[str, int]:
    """The number of failed messages by service, as their groups have it."""
    found: dict[str, int] = {}
    for group in worker.queue.failed.groups(Selection()):
        service = group.subject.service
        found[service] = found.get(service, 0) + group.count
    return found


def take_out(worker: Worker, cid: str) -> None:
    """Delete a message as a worker of an earlier version did, which had no index."""
    store = worker.queue.store
    [message] = call(worker, "failed.list", cid=cid)["items"]
    store.redis.zrem(store.failed, message["id"])
    store.redis.hdel(store.failed_calls, message["id"])
    store.redis.hdel(store.failed_infos, message["id"])
    store.redis.hincrby(store.counts, "deleted", 1)


def drop_index(worker: Worker) -> None:
    """Have the messages as a worker of an earlier version left them."""
    store = worker.queue.store
    keys = [store.failed_places, store.failed_cids, store.failed_groups]
    keys += [store.failed_group(group) for group in worker.queue.failed.index.subjects()]
    store.redis.delete(*keys)


def test_messages_of_an_earlier_version_are_added_once(broken: Worker):
    listed = call(broken, "failed.list", cause="no stock")
    drop_index(broken)
    assert counts(broken) == {"orders": 6, "bills": 2}
    assert call(broken, "failed.list", cause="no stock") == listed
    assert call(broken, "failed.list", cid="C1")["total"] == 1
    take_out(broken, "B0")
    assert counts(broken) == {"orders": 6, "bills": 1}


def test_as_many_others_are_found_too(broken: Worker, cluster: Cluster):
    broken.queue.stop(5)
    worker = cluster.worker(start=False)
    store = worker.queue.store
    [message] = call(worker, "failed.list", cid="C1")["items"]
    take_out(worker, "B0")
    for key in (store.failed_calls, store.failed_infos):
        data = store.redis.hget(key, message["id"])
        assert data is not None
        store.redis.hset(key, "1-1", data)
    failed_at = store.redis.zscore(store.failed, message["id"])
    assert failed_at is not None
    store.redis.zadd(store.failed, {"1-1": failed_at})
    assert counts(worker) == {"orders": 6, "bills": 2}, "the number of messages is the same"
    worker.queue.upkeep._step()
    assert counts(worker) == {"orders": 7, "bills": 1}
    assert call(worker, "failed.list", cid="C1")["total"] == 2


def test_groups_and_the_server_are_conditions(broken: Worker):
    groups = call(broken, "failed.groups")["items"]
    names = [one["group"] for one in groups]
    assert len(names) == 3
    rest = sum(one["count"] for one in groups[1:])
    (message, *_) = call(broken, "failed.list", limit=1)["items"]
    server = message["worker"].partition("/")[0]
    everything = call(broken, "failed.list")["total"]
    for conditions, wanted in (
        ({"groups": names}, everything),
        ({"groups": names[:1]}, groups[0]["count"]),
        ({"groups": names, "service": "bills"}, 2),
        ({"groups": names, "group": names[1]}, groups[1]["count"]),
        ({"groups": ["0" * 12]}, 0),
        ({"server": server}, everything),
        ({"server": server, "groups": names[1:]}, rest),
        ({"server": "elsewhere"}, 0),
        ({"server": server[:-1]}, 0),
    ):
        assert call(broken, "failed.list", **conditions)["total"] == wanted, conditions
        assert call(broken, "failed.groups", **conditions)["messages"] == wanted, conditions
    ids = [message["id"]]
    failed = broken.queue.failed
    assert failed.delete(Selection(ids, server="elsewhere")) == 0
    assert failed.delete(Selection(groups=names[1:], server="elsewhere")) == 0
    assert failed.delete(Selection(groups=names[1:], server=server)) == rest
    assert balanced(broken)


@pytest.mark.parametrize("act", ["replay", "delete"])
def test_what_the_index_alone_has_is_not_counted(
    act: str, broken: Worker, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    broken.queue.stop(5)
    worker = cluster.worker(start=False)
    [group] = call(worker, "failed.groups", service="bills")["items"]
    take_out(worker, "B0")
    failed = worker.queue.failed
    # as if a worker of an earlier version had taken it out since the index was compared
    monkeypatch.setattr(failed.index, "complete", lambda: None)
    selection = Selection(group=group["group"])
    if act == "replay":
        assert failed.replay(selection).replayed == 1
    else:
        assert failed.delete(selection) == 1
    assert balanced(worker)
    assert counts(worker) == {"orders": 6}


def test_a_full_redis_gets_room_and_replays_can_be_ended(broken: Worker):
    store = broken.queue.store
    before = store.redis.config_get("maxmemory")["maxmemory"]
    replays = broken.queue.replays
    slow = replays.begin(Selection(service="orders"), Pace(0.001), "", {}).replay
    wait_until(lambda: replays.get(slow).sent == 1)
    try:
        store.redis.config_set("maxmemory", 1)
        assert replays.pause(slow).state == "paused"
        wait_until(lambda: counts(broken) == {"orders": 6, "bills": 2})
        drop_index(broken)
        assert counts(broken) == {"orders": 6, "bills": 2}
        replays.resume(slow, batch=2, rate=5000)
        wait_until(lambda: replays.get(slow).state == "paused")
        assert replays.stop(slow).left == 3
        assert broken.queue.failed.delete(Selection()) >= 5
        wait_until(lambda: not store.redis.exists(store.removals))
        wait_until(lambda: replays.get(slow).pending == 0)
    finally:
        store.redis.config_set("maxmemory", before or 0)
    wait_until(lambda: balanced(broken))


def test_an_error_that_json_cannot_hold_is_kept_in_words(cluster: Cluster):
    def undecodable(service: Service) -> None:
        raise ValueError("no file \udcff")

    cluster.service("s", undecodable)
    worker = cluster.worker(max_attempts=2)
    worker.queue.put("s", None, "C")
    wait_until(lambda: worker.status()["failed"] == 1)
    [message] = call(worker, "failed.list")["items"]
    assert (message["cause"], message["attempts"]) == (r"ValueError: no file \udcff", 2)
    assert r"\udcff" in call(worker, "failed.get", id=message["id"])["traceback"]
