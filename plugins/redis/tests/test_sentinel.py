"""Redis Sentinel: a real primary, its replica and a sentinel, and a failover between calls; the same
over TLS, without one.
"""

from __future__ import annotations

import uuid

import pytest
import redis
from hansa import Invalid, load
from hansa_devkit import Inbox
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.address import address_fault, holds_password, parse_sentinel
from hansa_redis.bus import RedisBus
from hansa_redis.client import RedisUnavailable, open_client
from hansa_redis.early import RedisSection

from plugins.redis.tests.nodes import (
    PASSWORD,
    QUOTED,
    Node,
    make_certificate,
    program_with_tls,
    tls_lines,
    works,
)
from plugins.redis.tests.support import outgoing, running
from plugins.redis.tests.test_channel import channel


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
        node = Node(folder, *watched, sentinel=True, password=None)
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
        wait_until(lambda: works(lambda: sentinel.client.execute_command(failover)), 30)
        wait_until(lambda: primary_port(sentinel) not in (before, 0), 30)
        # until it is a replica it takes writes, which Redis loses; the sentinel does this in 8 s
        _demote(before, primary_port(sentinel))
        wait_until(lambda: works(lambda: cache.set(key, "2")), 30)
        wait_until(lambda: works(lambda: bus.acquire("b", "w1", 50)), 30)
        wait_until(lambda: works(lambda: client.get(key)), 30)
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


def test_a_service_that_no_sentinel_knows_is_told(sentinel):
    address = f"redis+sentinel://127.0.0.1:{sentinel.port}/other"
    with pytest.raises(RedisUnavailable, match="knows no primary 'other'"), running(address):
        pass


def test_a_channel_reads_from_the_primary(sentinel):
    wait_until(lambda: primary_port(sentinel), 20)
    address = f"redis+sentinel://127.0.0.1:{sentinel.port}/main"
    key, inbox = f"in {uuid.uuid4()}", Inbox()
    with channel(None, inbox, address=address, password=PASSWORD, key=key) as one:
        wait_until(lambda: works(lambda: one._client.xadd(key, {"body": "1"})), 20)
        [request, *_] = inbox.wait(1, 60)
    assert request.raw == b"1"


def test_the_primary_is_reached_over_tls(tmp_path):
    program = program_with_tls()
    if not program:
        pytest.skip("there is no redis-server with TLS here")
    certificate, key = make_certificate(tmp_path, "IP:127.0.0.1")
    port = free_port()
    lines = tls_lines(port, certificate, key)
    primary = Node(tmp_path, f"requirepass {PASSWORD}", *lines, program=program)
    watched = [
        f"sentinel monitor main 127.0.0.1 {port} 1",
        f"sentinel auth-pass main {PASSWORD}",
    ]
    sentinel = Node(tmp_path, *watched, program=program, sentinel=True, password=None)
    place = f"127.0.0.1:{sentinel.port}/main"
    try:
        wait_until(lambda: primary.answers() and sentinel.answers(), 20)
        address = f"rediss+sentinel://:{QUOTED}@{place}?ssl_ca_certs={certificate}"
        bus = RedisBus(address, "tls")
        assert bus.acquire("a", "w1", 50) == 1
        bus.redis.close()
        with running(
            f"rediss+sentinel://{place}", password=PASSWORD, tls_ca=str(certificate)
        ) as cache:
            assert cache.set("key", "1")
        assert primary.client.get("key") == "1"
        with pytest.raises(RedisUnavailable, match="certificate verify failed"):
            outgoing(f"rediss+sentinel://{place}", password=PASSWORD).start()
    finally:
        sentinel.end()
        primary.end()


@pytest.mark.parametrize(
    "address",
    [
        "redis+sentinel://10.0.0.1:26379,10.0.0.2,[::1]:26380/main/3",
        "rediss+sentinel://sentinel.example.com/main?sentinel_password=x&ssl_ca_certs=/ca.pem",
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
        "redis+sentinel://10.0.0.1/main?ssl_ca_certs=/ca.pem",
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
