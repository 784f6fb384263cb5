"""R17: Redis or Valkey goes away, hangs, is full, read-only or loads; synchronous requests go on,
and nothing accepted is lost.
"""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
from hansa_devkit.harness.waiting import wait_until

from tests.cluster.accounting import Account
from tests.cluster.dependent import PAIRS, dependent, dependent_clusters
from tests.cluster.running import sized, within

__all__ = ["dependent", "dependent_clusters"]
TOLD = 5.0  # seconds until a call that cannot be queued is refused
# seconds that a change may take: 3 for a nudge that is not answered, 5 for the workers, which poll
CHANGED = 8.0
BACK = 15.0  # seconds until the queue works again
KEYS = 30_000


@contextmanager
def loading(redis):
    """Kill it, and have it load its file so slowly that it answers LOADING meanwhile."""
    redis.execute(f"EVAL \"for i=1,{KEYS} do redis.call('SET','filler:'..i,i) end\" 0")
    redis.kill()
    redis.options["key-load-delay"] = "150"  # microseconds
    redis.launch()
    wait_until(lambda: redis.execute("PING").startswith("LOADING"), 10, "it loads")
    yield
    del redis.options["key-load-delay"]
    redis.execute("CONFIG SET key-load-delay 0")
    wait_until(redis.ready, 60, "it has loaded")
    redis.execute(f"EVAL \"for i=1,{KEYS} do redis.call('DEL','filler:'..i) end\" 0")


@contextmanager
def outage(cluster, fault: str):
    """The fault, as long as the block lasts."""
    redis = cluster.redis
    if fault == "loading":
        with loading(redis):
            yield
        return
    begin = {
        "stopped": redis.stop,
        "killed": redis.kill,
        "paused": redis.pause,
        "oom": lambda: redis.execute("CONFIG SET maxmemory 1"),
        "read-only": lambda: redis.execute("REPLICAOF 127.0.0.1 1"),
    }
    begin.get(fault, lambda: cluster.redis_ways(fault))()
    try:
        yield
    finally:
        cluster.heal()
        redis.execute("CONFIG SET maxmemory 0")
        redis.execute("REPLICAOF NO ONE")


FAULTS = ["stopped", "killed", "paused", "drop", "reset", "refuse", "oom", "read-only", "loading"]
SMALL = [
    ("postgresql-redis", fault)
    for fault in ("killed", "drop", "reset", "oom", "read-only", "loading")
]
FULL = [(pair, fault) for pair in PAIRS for fault in FAULTS]


@pytest.mark.parametrize(("dependent", "fault"), sized(SMALL, FULL), indirect=["dependent"])
def test_an_outage_of_redis(dependent, fault, figure):
    lasts, account, queued, log = sized(1.0, 8.0), Account(), Account(), f"redis-{fault}"
    sync = dependent.clients("/record", account, clients=4, pause=0.02, log=log)
    accept = dependent.clients(
        "/accept", queued, clients=4, batch=2, pause=0.02, log=f"{log}-async", options={}
    )
    with sync, accept:
        wait_until(lambda: len(queued.acknowledged) > 20, 20, "calls are accepted")
        with outage(dependent, fault):
            since = time.monotonic()
            seen = len(accept.answers)
            wait_until(
                lambda: len(accept.answers) >= seen + 8,
                30,
                "each client was answered during the outage",
            )
            wait_until(lambda: time.monotonic() > since + lasts, 90)
            until = time.monotonic()
            applied = dependent.api("admin.channel.http.edit", name="record", url_path="/record")
            took = time.monotonic() - until
        ended, had = time.monotonic(), len(queued.acknowledged)
        wait_until(lambda: len(queued.acknowledged) > had + 20, 40, "calls are accepted again")
        back = time.monotonic() - ended
    dependent.settled()
    result = account.result(dependent.receipts(log).numbers())
    calls = queued.result(dependent.receipts(f"{log}-async").numbers())
    told = [answer.seconds for answer in accept.refusals]
    print(
        f"{dependent.redis.name} {fault}: {len(told)} refused within "
        f"{max(told, default=0):.1f} s, back after {back:.1f} s; {calls}"
    )
    figure(
        "R17",
        faults=1,
        failed=len(sync.faults),
        refused=len(told),
        told_max=round(max(told, default=0.0), 1),
        back_max=round(back, 1),
        accepted=calls.acknowledged,
        lost=len(calls.lost),
        duplicated=calls.duplicates,
    )
    assert not sync.faults and not sync.refusals, (sync.faults + sync.refusals)[:3]
    assert not accept.faults, accept.faults[:3]
    assert told and within(told, TOLD)
    assert {answer.status for answer in accept.refusals} == {503}
    during = [
        a for a in list(accept.answers) if a.began > since and a.ended < until and not a.fault
    ]
    assert not during, "nothing is accepted while nothing can be written"
    assert back <= BACK
    assert applied.ok, "a change needs no Redis"
    assert within([took], CHANGED), f"a change took {took:.1f} s while Redis was away"
    assert not result.lost and not result.unexpected and not result.duplicates
    assert not calls.lost and not calls.unexpected
