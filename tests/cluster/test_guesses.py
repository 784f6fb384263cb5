"""Guesses at passwords are counted by all workers together, whatever addresses a caller makes up, and
idle connections shut nobody out, through the load-balancer and at a server's own port.
"""

from __future__ import annotations

import itertools
import socket
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from requests.auth import _basic_auth_str

from .running import RunningCluster

USER = "guessed"
PASSWORD = "analytical-engine"
_guess = itertools.count()


def port_of(cluster: RunningCluster, server: str) -> int:
    config = tomllib.loads((cluster.path / server / "config.toml").read_text())
    return int(config["http"]["address"].rpartition(":")[2])


def ask(port: int, source: str, password: str = "", **headers: str) -> str:
    """Ask as one who guesses, or who knows the password; returns status, or `held`."""
    given = password or f"guess {next(_guess)}"
    lines = [
        "GET /guarded HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Authorization: {_basic_auth_str(USER, given)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection(("127.0.0.1", port), 60, (source, 0)) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        with connection.makefile("rb") as stream:
            answer = stream.read().decode()
    return "held" if "too many failed attempts" in answer else answer[9:12]


def guarded(cluster: RunningCluster) -> None:
    """A channel for one user, whose password is a hash."""
    cluster.must("admin.security.basic.create", name=USER, username=USER, password=PASSWORD)
    cluster.must(
        "admin.channel.http.create",
        name="guarded",
        url_path="/guarded",
        service="recorder.record",
        security=USER,
        format="json",
    )


def test_guesses_are_counted_in_the_whole_cluster(cluster):
    guarded(cluster)
    servers = [port_of(cluster, name) for name in ("server1", "server2")]
    assert ask(cluster.port, "127.0.0.1", PASSWORD) != "401"
    with ThreadPoolExecutor(20) as pool:
        sources = [f"127.0.7.{number}" for number in range(1, 21)] * 15
        through = Counter(pool.map(lambda source: ask(cluster.port, source), sources))
        # straight at the servers' ports, with addresses that are made up
        straight = Counter(
            pool.map(
                lambda number: ask(
                    servers[number % 2],
                    "127.0.8.1",
                    X_Forwarded_For=f"10.0.0.{number}",
                    X_Hansa_Proxy="x" * 43,
                ),
                range(100),
            )
        )
    assert set(through) == set(straight) == {"401", "held"}
    # two argon2 verifications run at once in each of the four workers
    assert through["401"] <= 100 + 20
    assert straight["401"] <= 1
    # the owner gets in: where it was before, and at the first attempt from a new address
    for source in ("127.0.0.1", "127.0.9.1", "127.0.9.2"):
        assert ask(cluster.port, source, PASSWORD) not in ("401", "held")


def test_idle_connections_shut_nobody_out(cluster):
    for port in (cluster.port, port_of(cluster, "server1")):
        with ExitStack() as stack:
            for number in range(2000):
                source = (f"127.0.6.{number % 20 + 1}", 0)
                held = socket.create_connection(("127.0.0.1", port), 20, source)
                stack.enter_context(held)
                held.sendall(b"GET /hansa/ping HTTP/1.1\r\nHost: x\r\n\r\n")
                assert held.recv(4096).startswith(b"HTTP/1.1 200")
            began = time.monotonic()
            for number in range(20):
                assert cluster.api("admin.cluster.status").ok
                assert ask(port, f"127.0.5.{number + 1}", PASSWORD) not in ("401", "held", "")
            assert time.monotonic() - began < 10
