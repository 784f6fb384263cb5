"""The outgoing connection with real servers: commands, text and bytes, pipelines, subscriptions,
many threads, TLS, faults.
"""

from __future__ import annotations

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from hansa import Invalid, Outgoing, TimedOut, Unavailable, fields, load
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.engine import Valkey
from hansa_redis.outgoing import RedisConfig, RedisOutgoing

from plugins.redis.tests.nodes import Node, make_certificate, program_with_tls, tls_lines
from plugins.redis.tests.support import end, launch, outgoing, running

pytestmark = pytest.mark.evidence("real_server")


def test_commands_text_and_bytes(address):
    with running(own=address) as connection:
        assert connection.set("key", "wört") is True
        assert connection.get("key") == "wört"
        assert connection.client.hset("hash", mapping={"a": 1}) in (0, 1)
        assert connection.hgetall("hash") == {"a": "1"}
        assert connection.execute("GET", "key") == "wört"
        assert connection.ping().startswith("PONG in ")
    with running(own=address, decode=False) as connection:
        assert connection.get("key") == "wört".encode()


def test_pipelines_and_transactions(address):
    with running(own=address) as connection:
        with connection.pipeline() as pipe:
            assert pipe.set("n", 1).incr("n").execute() == [True, 2]

        def double(pipe):
            value = int(pipe.get("n"))
            pipe.multi()
            pipe.set("n", value * 2)

        assert connection.client.transaction(double, "n") == [True]
        assert connection.get("n") == "4"
        with connection.pipeline() as pipe:
            pipe.watch("n")
            connection.set("n", 5)
            pipe.multi()
            pipe.incr("n")
            with pytest.raises(redis.WatchError):
                pipe.execute()


def test_scripts_locks_and_scans(address):
    with running(own=address) as connection:
        assert connection.client.register_script("return ARGV[1] * 2")(args=[21]) == 42
        with connection.lock("lock", timeout=5):
            assert not connection.client.lock("lock", timeout=5).acquire(blocking=False)
        for number in range(50):
            connection.set(f"scan-{number}", number)
        assert len(list(connection.scan_iter("scan-*"))) == 50


def test_commands_that_wait_get_the_time_they_ask_for(address):
    with running(own=address, timeout=0.5) as connection:
        began = time.monotonic()
        assert connection.blpop("queue", timeout=1) is None
        assert 0.9 < time.monotonic() - began < 1.6
        assert connection.xread({"stream": "$"}, block=700) in ([], {}, None)
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(connection.blpop, "queue", 0)
            time.sleep(0.7)
            assert not waiting.done()
            connection.rpush("queue", "x")
            assert waiting.result(5) == ["queue", "x"] or waiting.result() == ("queue", "x")


def test_waiting_commands_leave_the_others_their_connections(address):
    with running(own=address, max_connections=2, timeout=2) as connection:
        with ThreadPoolExecutor() as pool:
            waiting = [pool.submit(connection.blpop, "nothing", 1) for _ in range(2)]
            assert connection.set("a", "b")
            assert [one.result() for one in waiting] == [None, None]


def test_a_subscription(address):
    with running(own=address, timeout=0.5) as connection:
        subscription = connection.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe("news")
        assert subscription.get_message(timeout=0.8) is None
        connection.publish("news", "hello")
        found = wait_until(lambda: subscription.get_message(timeout=0.1))
        assert found["data"] == "hello"
        subscription.close()


def test_many_threads_share_few_connections(address):
    with running(own=address, max_connections=3) as connection:
        connection.set("count", 0)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _: connection.incr("count"), range(2000)))
        assert connection.get("count") == "2000"
        assert int(connection.info("clients")["connected_clients"]) <= 3 + 4


def test_databases_are_apart(address):
    with running(own=address, db=3) as three, running(own=address, db=4) as four:
        three.set("only-three", 1)
        assert four.get("only-three") is None


def test_no_thread_and_no_connection_is_left(address):
    before = set(threading.enumerate())
    with running(own=address) as watching:
        count = len(watching.client.client_list())
        for _ in range(2):
            connection = outgoing(own=address)
            connection.start()
            connection.pubsub().subscribe("x")
            connection.stop()
            connection.stop()
        wait_until(lambda: len(watching.client.client_list()) == count)
    assert set(threading.enumerate()) == before


def test_making_one_opens_nothing_and_a_stopped_one_says_so():
    connection = outgoing("redis://127.0.0.1:1")
    assert isinstance(connection, Outgoing)
    with pytest.raises(Unavailable, match=r"outgoing redis 'cache' is not started"):
        connection.get("x")
    with pytest.raises(Unavailable, match="outgoing redis 'cache' is not reachable"):
        connection.start()
    connection.stop()
    with pytest.raises(Unavailable, match="no Redis of its own"):
        outgoing().start()


def test_tcp_users_passwords_and_what_happens_without(tmp_path, program):
    port = free_port()
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--requirepass",
        "s3cret",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    process = subprocess.Popen(
        [*command, "--user", "reader", "on", ">pass", "~*", "+@read", "+@connection"],
        stdout=subprocess.DEVNULL,
    )
    address = f"redis://127.0.0.1:{port}/2"
    try:

        def there():
            try:
                with running(address, password="s3cret"):
                    return True
            except Unavailable:
                return False

        wait_until(there)
        with running(host="localhost", port=port, db=2, password="s3cret") as connection:
            connection.set("two", "2")
            assert connection.client.get_connection_kwargs()["host"] == "localhost"
        with running(address, username="reader", password="pass") as connection:
            assert connection.get("two") == "2"
            with pytest.raises(redis.exceptions.NoPermissionError):
                connection.set("two", "3")
        login = "check the settings username and password"
        for settings in ({}, {"password": "wrong"}, {"username": "nobody", "password": "s3cret"}):
            with pytest.raises(Unavailable, match=f"outgoing redis 'cache'.*{login}") as caught:
                outgoing(address, **settings).start()
            assert "s3cret" not in str(caught.value)
        place = "check the settings host, port and tls"
        for number, changes, remedy in (
            (port, {"db": 4000}, "check the setting db"),
            (1, {}, place),
            (port, {"tls": True, "timeout": 0.3}, place),
        ):
            made = outgoing(host="127.0.0.1", port=number, password="s3cret", **changes)
            with pytest.raises((Unavailable, TimedOut), match=remedy):
                made.start()
    finally:
        end(process)


def test_a_restart_of_the_other_side_is_told_and_then_forgotten(tmp_path, program):
    engine = Valkey(tmp_path, program=program)
    process = launch(engine)
    with running(own=engine.address) as connection:
        connection.set("key", "value")
        process.kill()
        process.wait()
        for _ in range(3):
            with pytest.raises(Unavailable, match="outgoing redis 'cache'") as caught:
                connection.get("key")
            assert isinstance(caught.value, redis.ConnectionError)
            assert caught.value.status == 503
        with pytest.raises(Unavailable), connection.pipeline() as pipe:
            pipe.get("key").execute()
        process = launch(engine)
        assert connection.get("key") == "value"
        assert connection.blpop("none", timeout=0.1) is None
    end(process)
    engine.close()


def fill(connection):
    for number in range(40):
        connection.set(str(number), "x" * 1024 * 1024)


def test_full_memory_is_unavailable_and_a_wrong_type_is_an_error_of_the_caller(tmp_path, program):
    engine = Valkey(tmp_path, program=program, memory=16, durability="fast")
    process = launch(engine)
    try:
        with running(own=engine.address) as connection:
            connection.set("text", "x")
            with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
                connection.lpush("text", "y")
            with pytest.raises(Unavailable, match=r"refuses for now.*(OOM|memory)"):
                fill(connection)
    finally:
        end(process)
        engine.close()


@pytest.mark.evidence("tls")
def test_tls_is_verified(tmp_path):
    program = program_with_tls()
    if not program:
        pytest.skip("there is no redis-server with TLS here")
    certificate, key = make_certificate(tmp_path, "DNS:localhost")
    port = free_port()
    node = Node(tmp_path, *tls_lines(port, certificate, key), program=program, password=None)
    address = f"rediss://localhost:{port}"
    try:

        def there():
            try:
                with running(address, tls_ca=str(certificate)):
                    return True
            except Unavailable:
                return False

        wait_until(there)
        with running(host="localhost", port=port, tls=True, tls_ca=str(certificate)) as connection:
            assert connection.set("a", "b")
            assert connection.get("a") == "b"
        with pytest.raises(Unavailable, match="certificate verify failed"):
            outgoing(address).start()
        with pytest.raises(Unavailable, match=r"not valid for|doesn't match|mismatch"):
            outgoing(f"rediss://127.0.0.1:{port}", tls_ca=str(certificate)).start()
    finally:
        node.end()


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"address": "http://x"}, {"address"}),
        ({"address": "redis://:secret@host"}, {"address"}),
        ({"address": "unix:///s?password=x"}, {"address"}),
        ({"address": "redis://host:99999"}, {"address"}),
        ({"address": "redis://a", "host": "b"}, {"host"}),
        ({"host": "a", "username": "u"}, {"password"}),
        ({"host": "a", "tls_key": "k"}, {"tls_certificate"}),
        ({"timeout": 0, "max_connections": 0, "db": -1}, {"timeout", "max_connections", "db"}),
        ({"hostt": "a"}, {"hostt"}),
    ],
)
def test_faults_are_told_by_setting(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(RedisConfig, settings)
    assert set(caught.value.errors) == faults
    assert "secret" not in str(caught.value)


def test_every_setting_is_explained_and_the_password_is_hidden():
    assert all(field.help for field in fields(RedisConfig))
    assert [field.name for field in fields(RedisConfig) if field.secret] == ["password"]
    assert "pw" not in repr(load(RedisConfig, {"password": "pw"}))
    assert RedisOutgoing.__doc__
