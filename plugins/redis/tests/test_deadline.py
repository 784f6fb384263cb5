"""Deadlines against peers that are silent, slow, or go away: each call ends in its time, and what
it used comes back.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from hansa import TimedOut, Unavailable, deadline
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.blocking import blocking_seconds
from hansa_redis.client import Client
from hansa_redis.deadline import TcpConnection, remaining
from hypothesis import given, strategies as st

from plugins.redis.tests.support import outgoing, peer, running


def client(address: str, timeout: float = 0.4, **options) -> Client:
    parts = redis.connection.parse_url(address)
    options = {
        "max_connections": 2,
        "protocol": 2,
        "connection_class": TcpConnection,
        **parts,
        **options,
    }
    return Client("outgoing redis 'x'", timeout=timeout, **options)


def within(call, seconds: float = 0.4, error=TimedOut):
    began = time.monotonic()
    with pytest.raises(error, match="outgoing redis 'x'") as caught:
        call()
    assert seconds * 0.5 < time.monotonic() - began < seconds + 0.3
    return caught.value


def silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def trickle(connection: socket.socket) -> None:
    """Answer one byte at a time, each well within any time-out of a single read."""
    connection.recv(4096)
    while True:
        for byte in b"$1000000\r\n" + b"x" * 1000000:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)


def test_a_silent_peer():
    with peer(silent) as address:
        connection = client(address)
        error = within(lambda: connection.get("a"))
        assert isinstance(error, redis.TimeoutError)
        assert getattr(error, "status", None) == 504
        assert "within 0.4 s" in str(error)
        connection.close()


def test_a_peer_that_sends_a_little_now_and_then():
    with peer(trickle) as address:
        connection = client(address, driver_info=None)
        within(lambda: connection.get("a"))
        pipeline = connection.pipeline()
        pipeline.get("a")
        within(pipeline.execute)
        connection.close()


def test_a_peer_that_never_accepts():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = f"redis://127.0.0.1:{listener.getsockname()[1]}"
    fillers = []
    try:
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        within(lambda: client(address).get("a"))
    finally:
        for filler in fillers:
            filler.close()
        listener.close()


def test_a_peer_that_reads_nothing():
    stop = threading.Event()
    with peer(lambda connection: stop.wait(5)) as address:
        connection = client(address, driver_info=None)
        within(lambda: connection.set("a", b"x" * 20_000_000))
        stop.set()
        connection.close()


def test_a_name_that_is_not_resolved(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: release.wait(5))
    within(lambda: client("redis://some.host.example").get("a"))
    release.set()


def test_a_name_that_does_not_exist():
    with pytest.raises(Unavailable, match="outgoing redis 'x' is not reachable"):
        client("redis://host.invalid", timeout=5).get("a")


def test_nobody_there():
    within(lambda: client(f"redis://127.0.0.1:{free_port()}").get("a"), 0.0, Unavailable)


def test_a_peer_that_hangs_up():
    def hang_up(connection: socket.socket) -> None:
        connection.recv(10)
        connection.close()

    with peer(hang_up) as address:
        within(lambda: client(address).get("a"), 0.0, Unavailable)


def test_an_exhausted_pool_is_waited_for_within_the_deadline(address):
    with running(own=address, timeout=0.4, max_connections=1) as connection:
        pool = connection.connection_pool
        held = pool.get_connection()
        began = time.monotonic()
        with pytest.raises(Unavailable, match="outgoing redis 'cache'"):
            connection.get("a")
        assert time.monotonic() - began < 0.7
        pool.release(held)
        assert connection.set("a", "b")


def watch(connection):
    with connection.pipeline() as pipe:
        pipe.watch("a")
        pipe.set("a", 1)


def test_connections_come_back_after_time_outs(program, tmp_path):
    process = subprocess.Popen(
        [
            program,
            "--port",
            "0",
            "--unixsocket",
            str(tmp_path / "s"),
            "--save",
            "",
            "--dir",
            str(tmp_path),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until((tmp_path / "s").exists)
        with running(f"unix://{tmp_path / 's'}", timeout=0.3, max_connections=2) as connection:
            os.kill(process.pid, signal.SIGSTOP)
            with ThreadPoolExecutor(4) as pool:
                results = [pool.submit(connection.set, "a", "b") for _ in range(4)]
                errors = [result.exception() for result in results]
            assert [
                error for error in errors if not isinstance(error, TimedOut | Unavailable)
            ] == []
            with pytest.raises((TimedOut, Unavailable)):
                watch(connection)
            os.kill(process.pid, signal.SIGCONT)
            for _ in range(3):
                with connection.pipeline() as pipe:
                    pipe.watch("a")
                    pipe.multi()
                    assert pipe.set("a", "c").execute() == [True]
            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(lambda _: connection.get("a"), range(8))) == ["c"] * 8
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.terminate()
        process.wait(10)


def test_a_frozen_server_ends_no_later_either(program, tmp_path):
    process = subprocess.Popen(
        [
            program,
            "--port",
            "0",
            "--unixsocket",
            str(tmp_path / "s"),
            "--save",
            "",
            "--dir",
            str(tmp_path),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until((tmp_path / "s").exists)
        with running(f"unix://{tmp_path / 's'}", timeout=0.4) as connection:
            connection.incr("once")
            os.kill(process.pid, signal.SIGSTOP)
            for call in (
                lambda: connection.incr("once"),
                lambda: connection.blpop("q", timeout=0.2),
                connection.ping,
            ):
                began = time.monotonic()
                with pytest.raises(TimedOut, match="did not answer"):
                    call()
                assert time.monotonic() - began < 1.0
            os.kill(process.pid, signal.SIGCONT)
            # a command that was sent is never sent again: at most the one that timed out was added
            assert int(connection.get("once")) <= 2
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.terminate()
        process.wait(10)


def test_deadlines_nest_and_end():
    assert remaining() is None
    assert remaining(3) == 3
    with deadline(10):
        left = remaining()
        assert left is not None
        assert 9 < left <= 10
        assert remaining(3) == 3
        with deadline(None):
            assert remaining() is None
        with deadline(0), pytest.raises(TimeoutError):
            remaining()
        assert remaining() is not None
    assert remaining() is None


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (("BLPOP", "a", "b", 5), 5),
        (("blpop", "a", "0"), 0),
        (("BRPOPLPUSH", "a", "b", 2), 2),
        (("BLMOVE", "a", "b", "LEFT", "RIGHT", 1.5), 1.5),
        (("BZPOPMIN", "a", 7), 7),
        (("BLMPOP", 3, 1, "a", "LEFT"), 3),
        (("WAIT", 1, 500), 0.5),
        (("XREAD", b"BLOCK", "250", b"STREAMS", "s", "$"), 0.25),
        (("XREAD", "COUNT", "1", "STREAMS", "BLOCK", "0"), None),
        (("XREADGROUP", "GROUP", "block", "me", "BLOCK", 100, "STREAMS", "s", ">"), 0.1),
        (("XREADGROUP", "GROUP", "g", "me", "STREAMS", "s", ">"), None),
        (("GET", "5"), None),
        (("BLPOP",), None),
        (("BLPOP", "a", "soon"), None),
    ],
)
def test_how_long_a_command_waits(command, seconds):
    assert blocking_seconds(command) == seconds


@given(st.lists(st.text() | st.binary() | st.integers() | st.floats(), min_size=1))
def test_any_command_is_looked_at_without_fault(command):
    seconds = blocking_seconds(tuple(command))
    assert seconds is None or isinstance(seconds, float)


def test_the_object_reports_a_ping_that_fails():
    with peer(silent) as address:
        connection = outgoing(address, timeout=0.3)
        with pytest.raises(TimedOut, match=r"outgoing redis 'cache' did not answer within 0\.3 s"):
            connection.start()
        with pytest.raises(TimedOut):
            connection.ping()
        connection.stop()
