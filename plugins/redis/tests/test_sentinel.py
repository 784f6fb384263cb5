"""Redis Sentinel: a real primary, its replica and a sentinel, and a failover between calls; and a
node of a cluster, which is refused with a clear text.
"""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import pytest
import redis
from hansa import Invalid, Unavailable, load
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.address import address_fault, holds_password, parse_sentinel
from hansa_redis.bus import RedisBus
from hansa_redis.client import RedisUnavailable, open_client
from hansa_redis.early import RedisSection
from hansa_redis.engine import find_program

from plugins.redis.tests.support import outgoing, running

PASSWORD = "se/cr@et"
QUOTED = "se%2Fcr%40et"


class Node:
    """A process of the server program with lines of configuration."""

    def __init__(self, folder: Path, *lines: str, sentinel: bool = False) -> None:
        self.port = free_port()
        path = folder / f"{self.port}.conf"
        text = [f"port {self.port}", "bind 127.0.0.1", f"dir {folder}", 'save ""', *lines]
        path.write_text("\n".join(text) + "\n")
        command = [find_program(), str(path), *(["--sentinel"] if sentinel else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        password = None if sentinel else PASSWORD
        self.client = redis.Redis("127.0.0.1", self.port, password=password, decode_responses=True)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def end(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory):
    """A sentinel that watches a primary with one replica."""
    folder = tmp_path_factory.mktemp("sentinel")
    login = [f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", "repl-diskless-sync-delay 0"]
    primary = Node(folder, *login)
    replica = Node(folder, *login, f"replicaof 127.0.0.1 {primary.port}")
    watched = [
        f"sentinel monitor main 127.0.0.1 {primary.port} 1",
        f"sentinel auth-pass main {PASSWORD}",
    ]
    nodes = [primary, replica]
    try:
        wait_until(lambda: all(each.answers() for each in nodes), 20)
        wait_until(lambda: replica.client.info()["master_link_status"] == "up", 20)
        # it asks about replicas when it starts, and then only every 10 s unless told otherwise
        node = Node(folder, *watched, sentinel=True)
        nodes.append(node)
        wait_until(node.answers, 20)
        node.client.execute_command("SENTINEL DEBUG", "INFO-PERIOD", 100)
        wait_until(lambda: len(node.client.sentinel_slaves("main")) == 1, 20)
        yield node
    finally:
        for each in nodes:
            each.end()


def primary_port(sentinel: Node) -> int:
    found = sentinel.client.sentinel_get_master_addr_by_name("main")
    return found[1] if isinstance(found, tuple) else 0


def test_calls_go_to_the_primary_also_after_a_failover(sentinel):
    # the first sentinel is not there
    places = f"127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}"
    key = uuid.uuid4().hex
    own = f"redis+sentinel://:{QUOTED}@{places}/main/0"
    bus = RedisBus(own, key)
    client = open_client(own, "the queue's Redis", timeout=5)
    address = f"redis+sentinel://{places}/main"
    with running(address, password=PASSWORD, db=0) as cache:
        assert cache.set(key, "1") and client.get(key) == b"1"
        assert bus.acquire("a", "w1", 50) == 1
        before = primary_port(sentinel)
        replica = int(sentinel.client.sentinel_slaves("main")[0]["port"])
        wait_until(lambda: _reads(replica, key) == "1")
        failover = "SENTINEL FAILOVER main"
        wait_until(lambda: _works(lambda: sentinel.client.execute_command(failover)), 30)
        wait_until(lambda: primary_port(sentinel) not in (before, 0), 30)
        # until it is a replica it takes writes, which Redis loses; the sentinel does this in 8 s
        _demote(before, primary_port(sentinel))
        wait_until(lambda: _works(lambda: cache.set(key, "2")), 30)
        wait_until(lambda: _works(lambda: bus.acquire("b", "w1", 50)), 30)
        wait_until(lambda: _works(lambda: client.get(key)), 30)
        assert client.get(key) == b"2"
        assert _reads(primary_port(sentinel), key) == "2"
    client.close()
    bus.redis.close()


def _reads(port: int, key: str) -> str | None:
    client = redis.Redis("127.0.0.1", port, password=PASSWORD, decode_responses=True)
    with client:
        found = client.get(key)
    assert not isinstance(found, bytes)
    return found


def _demote(port: int, primary: int) -> None:
    with redis.Redis("127.0.0.1", port, password=PASSWORD) as client:
        client.replicaof("127.0.0.1", primary)


def _works(call) -> bool:
    try:
        call()
    except (Unavailable, redis.RedisError):
        return False
    return True


def test_a_service_that_no_sentinel_knows_is_told(sentinel):
    address = f"redis+sentinel://127.0.0.1:{sentinel.port}/other"
    with pytest.raises(RedisUnavailable, match="knows no primary 'other'"), running(address):
        pass


def test_a_node_of_a_cluster_is_refused_with_a_clear_text(tmp_path):
    node = Node(tmp_path, "cluster-enabled yes", f"requirepass {PASSWORD}")
    try:
        wait_until(node.answers, 20)
        node.client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
        wait_until(lambda: node.client.cluster("info")["cluster_state"] == "ok", 20)
        with running(f"redis://127.0.0.1:{node.port}", password=PASSWORD) as cache:
            cache.set("one", "1")
            with pytest.raises(RedisUnavailable, match="Redis Cluster, which is not supported"):
                cache.mget("one", "two")
    finally:
        node.end()


@pytest.mark.parametrize(
    "address",
    [
        "redis+sentinel://10.0.0.1:26379,10.0.0.2,[::1]:26380/main/3",
        "rediss+sentinel://sentinel.example.com/main?sentinel_password=x",
    ],
)
def test_addresses_with_sentinel(address):
    assert not address_fault(address)
    load(RedisSection, {"address": address})
    assert parse_sentinel(address).service == "main"


@pytest.mark.parametrize(
    "address",
    [
        "redis+sentinel://10.0.0.1",
        "redis+sentinel:///main",
        "redis+sentinel://10.0.0.1:x/main",
        "redis+sentinel://10.0.0.1/main/x",
        "redis+sentinel://10.0.0.1/main?colour=red",
        "redis+cluster://10.0.0.1:6379",
        "http://10.0.0.1",
    ],
)
def test_other_addresses_are_refused(address):
    with pytest.raises(Invalid, match="address"):
        load(RedisSection, {"address": address})
    with pytest.raises(Invalid, match="address"):
        outgoing(address)


def test_a_password_in_an_address_of_a_definition_is_refused():
    for address in ("redis+sentinel://:x@h/main", "redis+sentinel://h/main?sentinel_password=x"):
        assert holds_password(address)
        with pytest.raises(Invalid, match="password"):
            outgoing(address)
