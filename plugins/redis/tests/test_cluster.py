"""A Redis Cluster of three primaries and their replicas: what a Hansa cluster keeps is in one slot,
outgoing connections use all of them, and both go on after a failover.
"""

from __future__ import annotations

import threading
import time
import uuid

import pytest
import redis
from hansa import Invalid, Unavailable, load
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.address import parse_cluster, with_hash_tag
from hansa_redis.bus import RedisBus
from hansa_redis.client import Client, RedisTimedOut, RedisUnavailable, open_client
from hansa_redis.deadline import TcpConnection
from hansa_redis.early import RedisSection

from plugins.redis.tests.nodes import (
    PASSWORD,
    QUOTED,
    Cluster,
    Node,
    key_slot,
    make_certificate,
    program_with_tls,
    tls_lines,
    works,
)
from plugins.redis.tests.support import outgoing, running


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """A Redis Cluster whose nodes stay the same, except that a replica may take the place of its
    primary.
    """
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield made.form()
    finally:
        made.end()


@pytest.fixture
def bus(nodes):
    made = RedisBus(nodes.address, f"c {uuid.uuid4().hex}")
    yield made
    made.redis.close()


@pytest.fixture
def cache(nodes):
    with running(nodes.public_address, password=PASSWORD) as connection:
        yield connection


def twice(client: Client, key: str) -> list[int]:
    """Count twice in one pipeline."""
    with client.pipeline() as pipe:
        pipe.incr(key)
        pipe.incr(key)
        return pipe.execute()


class TestOneSlot:
    """What Hansa itself keeps."""

    def test_all_keys_of_a_hansa_cluster_are_in_one_slot(self, bus):
        keys = [bus.key("nudge"), bus.key("lease", "a"), bus.key("async", "stream")]
        assert len({key_slot(key) for key in keys}) == 1
        assert key_slot(bus.key("x")) != key_slot("x")

    def test_without_a_redis_cluster_keys_have_the_names_they_always_had(self):
        assert RedisBus("redis://127.0.0.1", "prod").key("async", "stream") == (
            "hansa:prod:async:stream"
        )

    @pytest.mark.parametrize("name", ["a{b}c", "}", "{", "ü &?#%"])
    def test_any_name_of_a_cluster_is_one_tag(self, name):
        bus = RedisBus("redis+cluster://127.0.0.1", name)
        slots = {key_slot(bus.key(part)) for part in "abc"}
        assert slots == {key_slot(f"{{{parse_cluster(bus.address).hash_tag}}}")}

    def test_leases_records_and_nudges(self, nodes, bus):
        assert bus.acquire("a", "w1", 5) == bus.acquire("a", "w1", 5) == 1
        assert bus.acquire("a", "w2", 5) is None
        assert bus.acquire("b", "w2", 5) == 1
        assert set(bus.leases(["a", "b", "c"])) == {"a", "b"}
        records = bus.records("mark")
        records.write("m", b"\xff")
        assert records.read("m") == b"\xff"
        assert [records.count("m", 60) for _ in range(3)] == [1, 2, 3]
        woken, stopped = [], threading.Event()
        other = RedisBus(nodes.address, bus.cluster)
        thread = threading.Thread(target=other.listen, args=(lambda: woken.append(1), stopped))
        thread.start()
        try:
            holder = nodes.primary_of(bus.key("nudge")).client
            wait_until(lambda: holder.pubsub_numsub(bus.key("nudge"))[0][1] == 1)
            before = len(woken)
            bus.nudge(5)
            wait_until(lambda: len(woken) > before, 0.5)
        finally:
            stopped.set()
            thread.join(10)

    def test_the_servers_own_client_reaches_keys_of_all_slots(self, bus):
        client = bus.redis
        for number in range(20):
            assert client.set(f"{bus.cluster} {number}", number)
        assert client.get(f"{bus.cluster} 7") == "7"
        assert len(list(client.scan_iter(f"{bus.cluster} *"))) == 20
        assert client.register_script("return redis.call('GET', KEYS[1])")(
            keys=[f"{bus.cluster} 3"]
        )
        with client.lock(f"{bus.cluster} lock", timeout=5) as lock:
            assert lock.owned()

    def test_calls_go_on_after_a_failover(self, nodes, bus):
        client = open_client(bus.address, "the queue's Redis", timeout=5)
        key = bus.key("async")
        assert client.set(key, "1")
        assert bus.acquire("a", "w1", 50) == 1
        with client.pipeline() as pipe:
            pipe.get(key)
            pipe.time()
            assert pipe.execute()[0] == b"1"
        nodes.fail_over(key)
        # the commands were not carried out by the former primary: they are sent again
        assert client.incr(key) == 2
        assert bus.acquire("a", "w1", 50) == 1
        wait_until(lambda: works(lambda: bus.leases(["a"])))
        assert nodes.primary_of(key).client.get(key) == "2"
        client.close()

    def test_a_pipeline_that_meets_a_failover_is_not_carried_out(self, nodes, bus):
        client = open_client(bus.address, "the queue's Redis", timeout=5)
        key = bus.key("async")
        assert client.incr(key) == 1
        nodes.fail_over(key)
        with pytest.raises(RedisUnavailable, match="its slot is being moved"):
            twice(client, key)
        assert twice(client, key) == [2, 3]
        client.close()

    def test_a_read_that_waits_in_a_former_primary_ends_and_finds_the_new_one(self, nodes, bus):
        client = open_client(bus.address, "the queue's Redis", timeout=5)
        key = bus.key("list")
        found: list[object] = []

        def read() -> None:
            while not found:
                try:
                    found.append(client.blpop(key, timeout=10))
                except Unavailable:
                    continue

        thread = threading.Thread(target=read)
        thread.start()
        primary = nodes.primary_of(key)
        wait_until(lambda: primary.info("clients")["blocked_clients"])
        nodes.fail_over(key)
        assert client.rpush(key, "1") == 1
        thread.join(5)
        assert found == [(key.encode(), b"1")]
        client.close()

    def test_a_slot_on_its_way_is_refused_for_now(self, nodes, bus):
        client = open_client(bus.address, "the queue's Redis", timeout=5)
        key = bus.key("moving")
        with nodes.moving(key):
            with pytest.raises(RedisUnavailable, match="its slot is being moved"):
                client.incr(key)
        assert client.incr(key) == 1
        client.close()

    def test_nodes_that_are_away_are_named(self):
        port = free_port()
        bus = RedisBus(f"redis+cluster://127.0.0.1:{port}", "c")
        with pytest.raises(redis.ConnectionError, match=f"no node names a primary.*{port}"):
            bus.acquire("a", "w1", 5)
        with pytest.raises(redis.ConnectionError, match="cannot be connected"):
            _ = bus.redis


class TestOutgoing:
    """Connections for services, whose keys may be in any slot."""

    def test_commands_pipelines_and_scans(self, cache):
        names = [uuid.uuid4().hex for _ in range(20)]
        pipe = cache.pipeline()
        for number, name in enumerate(names):
            pipe.set(name, number)
        assert pipe.execute() == [True] * 20
        assert [cache.get(name) for name in names] == [str(number) for number in range(20)]
        assert set(cache.client.scan_iter()) >= set(names)
        assert cache.delete(*names) == 20
        assert cache.execute("EXISTS", names[0]) == 0
        assert cache.ping().startswith("PONG in ")

    def test_what_needs_one_slot_has_a_hash_tag(self, cache):
        one, two = (f"{{{uuid.uuid4().hex}}} {number}" for number in "12")
        cache.client.mset({one: 1})
        with pytest.raises(redis.exceptions.RedisClusterException, match="same key slot"):
            cache.mget("one", "two")
        tag = uuid.uuid4().hex
        one, two = f"{{{tag}}}:one", f"{{{tag}}}:two"
        assert cache.mset({one: 1, two: 2})
        assert cache.mget(one, two) == ["1", "2"]
        with cache.pipeline(transaction=True) as transaction:
            transaction.watch(one)
            value = int(transaction.get(one))
            transaction.multi()
            transaction.set(two, value * 2)
            assert transaction.execute() == ["OK"]  # redis-py leaves it as it is
        with cache.pipeline(transaction=True) as transaction:
            transaction.watch(one)
            cache.incr(one)
            transaction.multi()
            transaction.incr(one)
            with pytest.raises(redis.WatchError):
                transaction.execute()
        assert cache.get(one) == "2"

    def test_subscriptions_and_commands_that_wait(self, cache):
        channel, key = uuid.uuid4().hex, uuid.uuid4().hex
        subscription = cache.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe(channel)
        subscription.get_message(timeout=1)
        cache.publish(channel, "hello")
        message = wait_until(lambda: subscription.get_message(timeout=1))
        assert message["data"] == "hello"
        subscription.close()
        timer = threading.Timer(0.1, cache.rpush, (key, "1"))
        timer.start()
        assert cache.blpop(key, timeout=5) == (key, "1")
        timer.join()

    def test_calls_go_on_after_a_failover_and_follow_a_slot_on_its_way(self, nodes, cache):
        key = uuid.uuid4().hex
        assert cache.set(key, "1")
        nodes.fail_over(key)
        assert cache.incr(key) == 2
        moved = uuid.uuid4().hex
        with nodes.moving(moved) as target:
            assert cache.set(moved, "1")
            with target.client.pipeline(transaction=False) as pipe:
                asked = pipe.execute_command("ASKING").getdel(moved).execute()
            assert asked[1] == "1"
        assert cache.pipeline().incr(key).execute() == [3]

    @pytest.mark.parametrize("error", [redis.ConnectionError, redis.TimeoutError])
    def test_a_command_whose_answer_was_lost_is_not_sent_again(self, cache, monkeypatch, error):
        key = uuid.uuid4().hex
        cache.set(key, 0)
        read = TcpConnection.read_response

        def lose(connection, *args, **options):
            read(connection, *args, **options)
            raise error("the answer was lost")

        for call in (
            lambda: cache.incr(key),
            lambda: cache.pipeline().incr(key).incr(key).execute(),
            lambda: cache.pipeline(transaction=True).incr(key).incr(key).execute(),
        ):
            before = int(cache.get(key))
            with monkeypatch.context() as patch:
                patch.setattr(TcpConnection, "read_response", lose)
                with pytest.raises((RedisUnavailable, RedisTimedOut)):
                    call()
            assert int(cache.get(key)) - before in (1, 2)

    def test_a_frozen_primary_costs_a_deadline_and_not_the_others(self, nodes):
        key = uuid.uuid4().hex
        other = next(
            name
            for name in map(str, range(100))
            if nodes.primary_of(name) is not nodes.primary_of(key)
        )
        with running(nodes.public_address, password=PASSWORD, timeout=0.3) as cache:
            cache.set(key, "1")
            with nodes.primary_of(key).frozen():
                began = time.monotonic()
                with pytest.raises(RedisTimedOut):
                    cache.get(key)
                assert time.monotonic() - began < 0.3 * 2
                assert cache.set(other, "1")

    def test_faults_are_told(self, nodes):
        with pytest.raises(RedisUnavailable, match="user name or password"):
            outgoing(nodes.public_address, password="other").start()
        with pytest.raises(RedisUnavailable, match="is not reachable"):
            outgoing(f"redis+cluster://127.0.0.1:{free_port()}").start()
        own = with_hash_tag(nodes.address, "c")
        with pytest.raises(Unavailable, match="only the database 0"):
            outgoing(own=own, db=3).start()
        with running(own=own) as cache:
            assert cache.set(uuid.uuid4().hex, "1")
        node = f"redis://127.0.0.1:{nodes.nodes[0].port}"
        with running(node, password=PASSWORD) as cache:
            with pytest.raises(RedisUnavailable, match=r"give its address as redis\+cluster://"):
                _ = [cache.get(f"key {number}") for number in range(100)]


def test_everything_is_encrypted_with_tls(tmp_path):
    program = program_with_tls()
    if not program:
        pytest.skip("there is no redis-server with TLS here")
    certificate, key = make_certificate(tmp_path, "IP:127.0.0.1")
    port = free_port()
    lines = [
        f"requirepass {PASSWORD}",
        "cluster-enabled yes",
        "tls-cluster yes",
        f"cluster-port {free_port()}",
    ]
    node = Node(tmp_path, *lines, *tls_lines(port, certificate, key), program=program)
    try:
        wait_until(node.answers, 20)
        node.run("CLUSTER ADDSLOTSRANGE 0 16383")
        wait_until(lambda: node.client.cluster("info")["cluster_state"] == "ok", 20)
        place = f"127.0.0.1:{port}"
        bus = RedisBus(f"rediss+cluster://:{QUOTED}@{place}?ssl_ca_certs={certificate}", "tls")
        assert bus.acquire("a", "w1", 50) == 1
        assert bus.redis.set("key", "1")
        bus.redis.close()
        address = f"rediss+cluster://{place}"
        with running(address, password=PASSWORD, tls_ca=str(certificate)) as cache:
            assert cache.get("key") == "1"
        with pytest.raises(RedisUnavailable, match="certificate verify failed"):
            outgoing(address, password=PASSWORD).start()
    finally:
        node.end()


@pytest.mark.parametrize(
    "address",
    [
        "redis+cluster://10.0.0.1:6379,10.0.0.2,[::1]:6380",
        "redis+cluster://:secret@node.example.com/0",
        "rediss+cluster://node.example.com?ssl_ca_certs=/ca.pem",
    ],
)
def test_addresses_of_a_cluster(address):
    assert load(RedisSection, {"address": address}).address == address


@pytest.mark.parametrize(
    "address",
    [
        "redis+cluster://",
        "redis+cluster://10.0.0.1:x",
        "redis+cluster://10.0.0.1/3",
        "redis+cluster://10.0.0.1?hash_tag=x",
        "redis+cluster://10.0.0.1?ssl_ca_certs=/ca.pem",
        "redis+cluster://10.0.0.1,",
    ],
)
def test_other_addresses_are_refused(address):
    with pytest.raises(Invalid, match="address"):
        load(RedisSection, {"address": address})
    with pytest.raises(Invalid, match="address"):
        outgoing(address)


def test_a_password_in_the_address_of_a_definition_is_refused():
    with pytest.raises(Invalid, match="password"):
        outgoing("redis+cluster://:secret@10.0.0.1")
