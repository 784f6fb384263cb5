"""The keys of a cluster, copied from a real Valkey while others write, and restored."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa_backup.redis_data import ClusterKeys, StoredKey, keys_of, lines_of
from hansa_quickstart.failure import Failure
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey
from redis import Redis

from plugins.redis.tests.support import end, launch

TRANSFER = """
redis.call('DECRBY', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[2], '*', 'amount', ARGV[1])
redis.call('INCRBY', KEYS[3], ARGV[1])
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engine = Valkey(tmp_path_factory.mktemp("valkey"), durability="fast")
    running = launch(engine)
    yield engine.address
    end(running)
    engine.close()


@pytest.fixture
def cluster(address: str, request: pytest.FixtureRequest) -> str:
    return f"c-{abs(hash(request.node.name))}"


@pytest.fixture
def bus(address: str, cluster: str) -> Iterator[RedisBus]:
    bus = RedisBus(address, cluster)
    yield bus
    found = list(bus.redis.scan_iter(match=bus.key("*")))
    if found:
        bus.redis.delete(*found)


@pytest.fixture
def keys(address: str, cluster: str) -> Iterator[ClusterKeys]:
    keys = ClusterKeys(address, cluster, {"cache"})
    yield keys
    keys.close()


def copied(keys: ClusterKeys) -> list[StoredKey]:
    return sorted(keys.read(), key=lambda one: one["key"])


def fill(redis: Redis, bus: RedisBus) -> None:
    redis.set(bus.key("marks", "ü"), b"\x00\xff")
    redis.set(bus.key("idempotency", "soon"), "x", px=600_000)
    redis.rpush(bus.key("pubsub", "wake"), "1", "2")
    redis.hset(bus.key("schedule", "job", "a"), mapping={"rule": "x", "last": "y"})
    redis.zadd(bus.key("async", "delayed"), {"one": 1.5})
    redis.sadd(bus.key("set"), "a", "b")
    stream = bus.key("async", "stream")
    redis.xgroup_create(stream, "workers", mkstream=True)
    for number in range(5):
        redis.xadd(stream, {"n": number})
    redis.xreadgroup("workers", "one", {stream: ">"}, count=3)
    redis.set(bus.key("cache", "a"), "computed anew")
    redis.set("hansa:another:marks", "of another cluster")


def test_what_was_kept_is_there_again(bus: RedisBus, keys: ClusterKeys):
    redis = bus.redis
    fill(redis, bus)
    before = copied(keys)
    assert [one["key"] for one in before] == [
        "async:delayed",
        "async:stream",
        "idempotency:soon",
        "marks:ü",
        "pubsub:wake",
        "schedule:job:a",
        "set",
    ]
    pending = redis.xpending(bus.key("async", "stream"), "workers")
    ends = redis.pexpiretime(bus.key("idempotency", "soon"))
    redis.delete(*redis.scan_iter(match=bus.key("*")))
    keys.refuse_any()

    assert keys.write(keys_of(list(lines_of(before)))) == len(before)

    assert copied(keys) == before
    assert redis.xpending(bus.key("async", "stream"), "workers") == pending
    assert pending["pending"] == 3
    assert redis.pexpiretime(bus.key("idempotency", "soon")) == ends


def test_what_is_there_is_never_mixed(bus: RedisBus, keys: ClusterKeys):
    bus.redis.set(bus.key("cache", "a"), "even what is not kept")
    with pytest.raises(Failure, match=f"not empty.*{bus.key('cache', 'a')}"):
        keys.refuse_any()


def test_what_failed_half_way_is_removed_again(bus: RedisBus, keys: ClusterKeys):
    fill(bus.redis, bus)
    found = copied(keys)
    bus.redis.delete(*bus.redis.scan_iter(match=bus.key("*")))
    broken = StoredKey(key="z", expires=-1, content="bm90IGEgZHVtcA==")
    with pytest.raises(Failure, match="DUMP"):
        keys.write([*found, broken])
    keys.refuse_any()


def test_under_load_it_is_one_moment(address: str, bus: RedisBus, keys: ClusterKeys):
    """A transfer is in the copy with all that it writes, or not at all; writers only wait."""
    names = [bus.key("async", name) for name in ("from", "stream", "to")]
    for number in range(500):
        bus.redis.set(bus.key("marks", str(number)), "x" * 500)
    stop = threading.Event()
    failed: list[Exception] = []
    made = [0, 0]

    def transfer(number: int) -> None:
        client = RedisBus(address, bus.cluster).redis
        script = client.register_script(TRANSFER)
        try:
            while not stop.is_set():
                script(keys=names, args=[1])
                made[number] += 1
        except Exception as error:
            failed.append(error)
        client.close()

    threads = [threading.Thread(target=transfer, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        copies = []
        for _ in range(5):
            with keys.paused(2.5) as pause:
                copies.append(copied(keys))
            assert 0 < pause.seconds < 2.5
            before = sum(made)
            limit = time.monotonic() + 30
            while sum(made) == before and not failed and time.monotonic() < limit:
                time.sleep(0.001)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not failed
    bus.redis.delete(*bus.redis.scan_iter(match=bus.key("*")))
    for number, copy in enumerate(copies):
        keys.write(copy)
        gone, length, come = (
            int(bus.redis.get(names[0]) or 0),
            bus.redis.xlen(names[1]),
            int(bus.redis.get(names[2]) or 0),
        )
        assert -gone == length == come
        assert number == 0 or length > 0
        bus.redis.delete(*bus.redis.scan_iter(match=bus.key("*")))


def test_a_copy_that_took_longer_than_the_pause_is_none(bus: RedisBus, keys: ClusterKeys):
    bus.redis.set(bus.key("marks", "a"), "x")
    with pytest.raises(Failure, match="longest-pause"), keys.paused(0.05):
        time.sleep(0.06)
    bus.redis.set(bus.key("marks", "a"), "writers do not wait any longer")


def test_a_redis_that_permits_no_pause_is_named(address: str, cluster: str):
    admin = RedisBus(address, cluster).redis
    admin.execute_command(
        "ACL", "SETUSER", "limited", "on", ">secret", "~*", "+@all", "-client|pause"
    )
    theirs = "unix://limited:secret@" + address.partition("@")[2]
    keys = ClusterKeys(theirs, cluster)
    try:
        with pytest.raises(Failure, match="CLIENT PAUSE"), keys.paused(1):
            pytest.fail("it was not permitted")
    finally:
        keys.close()
        admin.execute_command("ACL", "DELUSER", "limited")


def test_a_redis_that_cannot_be_reached_is_named(tmp_path: Path):
    keys = ClusterKeys(f"unix://{tmp_path}/none.sock", "c")
    with pytest.raises(Failure, match="Redis: "):
        list(keys.read())
