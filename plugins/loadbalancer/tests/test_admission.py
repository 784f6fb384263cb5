"""Idle connections of clients do not keep others out."""

from __future__ import annotations

import contextlib
import socket
import time

from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

ASK = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(port, source):
    return socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))


def status(port, source):
    """The status of an answer to a client at an address; 0 if it is not let in."""
    try:
        with connect(port, source) as connection:
            connection.sendall(ASK)
            return int(connection.recv(4096)[9:12] or b"0")
    except ConnectionError:
        return 0


def test_idle_connections_shut_nobody_out(start):
    admin = free_port()
    balancer = start(maxconn=100, connections_per_address=25, admin_bind=f"127.0.0.1:{admin}")
    wait_until(lambda: status(balancer.port, "127.0.0.1") == 200)
    held = []
    began = time.monotonic()
    for number in range(200):
        # what is asked over the same connections is answered, at first and later on
        held.append(connect(balancer.port, f"127.0.1.{number % 4 + 1}"))
        with contextlib.suppress(ConnectionError):
            held[-1].sendall(ASK)
            assert held[-1].recv(4096).startswith(b"HTTP/1.1 200")
    assert {status(balancer.port, f"127.0.1.{number}") for number in range(1, 9)} == {200}
    # those that never ask: of each address fewer and fewer
    for number in range(300):
        with contextlib.suppress(ConnectionError):
            held.append(connect(balancer.port, f"127.0.2.{number % 20 + 1}"))
    assert status(balancer.port, "127.0.3.1") == 200
    assert status(balancer.port, "127.0.2.1") == 0
    assert status(admin, "127.0.3.1") == 404
    assert time.monotonic() - began < 9, "it waited for connections to time out"
    for connection in held:
        connection.close()
    wait_until(lambda: status(balancer.port, "127.0.2.1") == 200)
