"""The pool over real TCP connections: limits, deadlines, broken and idle connections, a peer that
goes and comes back.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

import hansa_connect.pool
import pytest
from hansa import NotFound, TimedOut, Unavailable
from hansa_connect.pool import Pool
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.waiting import wait_until


class Echo:
    """A server that answers each line with the same line, the line `drip` byte by byte for ever,
    and `bye` by closing.
    """

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while line := connection.recv(100):
                if line == b"bye\n":
                    connection.close()
                    return
                while line == b"drip\n":
                    connection.sendall(b".")
                    time.sleep(0.02)
                connection.sendall(line)
        except OSError:
            return

    def close(self) -> None:
        self.listening.close()
        for connection in self.connections:
            connection.close()


class Client:
    """A connection as the pool wants it."""

    def __init__(self, port: int) -> None:
        self.port, self.broken, self.closed, self.ends = port, False, False, 0.0
        self.socket: socket.socket | None = None

    def open(self, timeout: float) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout)

    def close(self) -> None:
        self.closed = True
        if self.socket is not None:
            self.socket.close()

    def abort(self) -> None:
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    @property
    def opened(self) -> socket.socket:
        assert self.socket is not None
        return self.socket

    def alive(self) -> bool:
        self.opened.setblocking(False)
        try:
            return bool(self.opened.recv(1))
        except BlockingIOError:
            self.opened.setblocking(True)
            return True
        except OSError:
            return False

    def check(self) -> None:
        assert self.ask(b"check\n") == b"check\n"

    def ask(self, line: bytes) -> bytes:
        got = b""
        try:
            self.opened.sendall(line)
            while not got.endswith(b"\n"):
                piece = self.opened.recv(100)
                if not piece:
                    raise EOFError
                got += piece
        except (OSError, EOFError) as error:
            self.broken = True
            raise Unavailable("the peer closed the connection") from error
        return got


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo):
    with Proxy(echo.port) as proxy:
        yield proxy


@pytest.fixture
def pools(proxy):
    made = []

    def make(*, limit=3, timeout=5.0, start=True):
        lost: list[BaseException] = []
        clients: list[Client] = []

        def make_client() -> Client:
            client = Client(proxy.port)
            clients.append(client)
            return client

        pool: Any = Pool(
            "the echo",
            make_client,
            limit=limit,
            timeout=timeout,
            lost=lost.append,
        )
        pool.told, pool.clients = lost, clients
        made.append(pool)
        if start:
            pool.start()
        return pool

    yield make
    for pool in made:
        pool.close()


def ask(pool, line=b"hello\n", timeout=None):
    with pool.use(timeout) as connection:
        return connection.ask(line)


def test_calls_one_after_another_share_one_connection(pools):
    pool = pools()
    assert [ask(pool) for _ in range(5)] == [b"hello\n"] * 5
    assert len(pool.clients) == 1 and not pool.told


def test_no_more_than_the_limit_are_open_and_all_callers_get_through(pools):
    pool = pools(limit=2)
    using, most, lock = [], [], threading.Lock()

    def call():
        with pool.use() as connection:
            with lock:
                using.append(connection)
                most.append(len(using))
            assert connection.ask(b"x\n") == b"x\n"
            time.sleep(0.02)
            with lock:
                using.remove(connection)

    threads = [threading.Thread(target=call) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert max(most) == 2 and len(most) == 10 and len(pool.clients) == 2


def test_waiting_for_a_free_one_ends_at_the_deadline(pools):
    pool = pools(limit=1)
    with pool.use():
        began = time.monotonic()
        with pytest.raises(TimedOut, match=r"none of 1 connections was free within 0\.2 s"):
            ask(pool, timeout=0.2)
        assert 0.2 <= time.monotonic() - began < 5
    assert ask(pool) == b"hello\n"


def test_a_peer_that_drips_does_not_stretch_the_deadline(pools):
    pool = pools()
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"the echo has not answered within 0\.3 s"):
        ask(pool, b"drip\n", timeout=0.3)
    assert time.monotonic() - began < 5
    assert ask(pool) == b"hello\n"  # on another connection
    assert pool.clients[0].closed and not pool.told


def test_a_shorter_deadline_than_that_which_the_keeper_waits_for_is_kept(pools):
    pool = pools(timeout=30)
    ended = []

    def slow():
        with pytest.raises(TimedOut):
            ask(pool, b"drip\n", timeout=2)
        ended.append("slow")

    thread = threading.Thread(target=slow)
    thread.start()
    with pytest.raises(TimedOut):
        ask(pool, b"drip\n", timeout=0.2)
    ended.append("quick")
    thread.join(10)
    assert ended == ["quick", "slow"]


@pytest.mark.parametrize("opened", [False, True])
def test_a_library_that_gives_up_at_the_deadline_before_the_keeper_has_timed_out(
    pools, monkeypatch, opened
):
    monkeypatch.setattr(Pool, "_keep", lambda pool: None)  # as if the machine had no time for it
    pool = pools()

    def give_up(*arguments: object) -> None:
        time.sleep(0.05)
        raise Unavailable("the peer does not answer")

    if opened:
        monkeypatch.setattr(Client, "ask", give_up)
    else:
        pool.clients[0].abort()
        monkeypatch.setattr(Client, "open", give_up)
    with pytest.raises(TimedOut, match=r"the echo has not answered within 0\.05 s"):
        ask(pool, timeout=0.05)
    assert pool.clients[-1].closed


def test_a_fault_of_the_caller_costs_no_connection(pools):
    pool = pools()
    for error in (NotFound("no such thing"), ZeroDivisionError()):
        with pytest.raises(type(error)), pool.use():
            raise error
    assert ask(pool) == b"hello\n" and len(pool.clients) == 1


def test_a_connection_that_the_peer_closed_meanwhile_is_not_used(pools, echo):
    pool = pools()
    ask(pool)
    echo.connections[0].shutdown(socket.SHUT_RDWR)
    wait_until(lambda: not pool._idle[0].connection.alive())
    assert ask(pool) == b"hello\n"
    assert len(pool.clients) == 2 and not pool.told


def test_one_broken_connection_condemns_all_but_not_the_peer(pools):
    pool = pools()
    with pool.use() as first, pool.use() as second:
        assert first is not second
    with pytest.raises(Unavailable):
        ask(pool, b"bye\n")
    assert ask(pool) == b"hello\n"
    assert all(client.closed for client in pool.clients[:2])
    wait_until(lambda: not pool._probe.is_alive())
    assert not pool.told  # it was there when asked


def test_start_raises_without_the_peer_and_close_works(pools, proxy):
    proxy.mode = "refuse"
    pool = pools(start=False)
    with pytest.raises(OSError):
        pool.start()
    pool.close()
    assert not [thread for thread in threading.enumerate() if "the echo" in thread.name]


def test_a_peer_that_is_gone_is_told_without_any_call(pools, proxy, monkeypatch):
    monkeypatch.setattr(hansa_connect.pool, "CHECK_EVERY", 0.1)
    pool = pools(timeout=1)
    proxy.mode = "refuse"
    wait_until(lambda: pool.told, 10)


def test_a_peer_that_dies_during_calls_is_told_however_many_call(pools, proxy):
    pool, done = pools(limit=4), threading.Event()

    def call():
        while not done.is_set():
            try:
                ask(pool, timeout=1)
            except (Unavailable, TimedOut, OSError):
                time.sleep(0.001)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    assert not pool.told
    proxy.mode = "refuse"
    wait_until(lambda: pool.told, 5)
    proxy.mode = "pass"
    assert wait_until(
        lambda: ask(pool) == b"hello\n"
    )  # it goes on by itself until core puts another in its place
    done.set()
    for thread in threads:
        thread.join(10)


def test_a_half_open_peer_is_told_after_the_deadline(pools, proxy):
    pool = pools(timeout=0.4)
    proxy.mode = "drop"
    with pytest.raises(TimedOut):
        ask(pool)
    wait_until(lambda: pool.told, 5)
    assert isinstance(pool.told[0], TimedOut)


def test_idle_connections_are_closed_but_for_one(pools, monkeypatch):
    monkeypatch.setattr(hansa_connect.pool, "CHECK_EVERY", 0.1)
    monkeypatch.setattr(hansa_connect.pool, "IDLE", 0.1)
    pool = pools()
    with pool.use(), pool.use(), pool.use():
        pass
    wait_until(lambda: sum(not client.closed for client in pool.clients) == 1)
    assert ask(pool) == b"hello\n" and not pool.told


def test_close_ends_calls_and_refuses_new_ones(pools):
    pool = pools(timeout=30)
    failed = []

    def slow():
        try:
            ask(pool, b"drip\n")
        except Unavailable as error:
            failed.append(error)

    thread = threading.Thread(target=slow)
    thread.start()
    wait_until(lambda: pool._using)
    pool.close()
    thread.join(5)
    assert failed and not pool.told
    with pytest.raises(Unavailable, match="is closed"):
        ask(pool)
    assert all(client.closed for client in pool.clients)
