"""Connections that nothing comes over do not keep others out."""

from __future__ import annotations

import socket
import time

import pytest
from hansa_devkit.harness.waiting import wait_until
from hansa_http.admission import Admission, Occupation


class Guest:
    """A connection as the test says."""

    def __init__(self, admission, address, occupation=Occupation.IDLE, last_activity=0.0):
        self.admission = admission
        self.address = address
        self.occupation = occupation
        self.last_activity = last_activity
        self.closed = False

    def handle_close(self):
        self.closed = True
        self.admission.leave(self)


@pytest.fixture
def admission():
    return Admission(limit=6, per_address=4, is_proxy="proxy".__eq__)


def enter(admission, *arguments):
    guest = Guest(admission, *arguments)
    admission.enter(guest)
    return guest


def test_an_address_gives_up_its_quietest_connection(admission):
    quiet = enter(admission, "a", Occupation.IDLE, 5.0)
    quieter = enter(admission, "a", Occupation.IDLE, 1.0)
    busy = [enter(admission, "a", Occupation.SERVED) for _ in range(2)]
    enter(admission, "a", Occupation.SERVED, 9.0)
    assert (quiet.closed, quieter.closed) == (False, True)
    enter(admission, "a", Occupation.SERVED, 9.0)
    assert quiet.closed
    assert enter(admission, "a").closed
    assert not any(one.closed for one in busy)


def test_a_proxy_has_as_many_as_there_are(admission):
    assert not any(one.closed for one in [enter(admission, "proxy") for _ in range(6)])


def test_over_the_limit_the_address_with_most_gives_one_up(admission):
    other = enter(admission, "b", Occupation.IDLE, 0.0)
    begun = enter(admission, "a", Occupation.INCOMPLETE, 1.0)
    unread = enter(admission, "a", Occupation.UNREAD, 0.0)
    for _ in range(2):
        enter(admission, "a", Occupation.SERVED)
    enter(admission, "c")
    enter(admission, "d")
    assert begun.closed
    enter(admission, "e")
    assert unread.closed
    assert not other.closed
    enter(admission, "f")
    assert other.closed


def opened(site, source, count):
    """Connections kept by a client that has had an answer over each."""
    found = []
    for _ in range(count):
        connection = socket.create_connection(
            ("127.0.0.1", site.port), timeout=20, source_address=(source, 0)
        )
        connection.sendall(b"GET /hansa/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        found.append(connection)
    return found


def closed(connections):
    found = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            found += connection.recv(1) == b""
        except BlockingIOError:
            pass
    return found


@pytest.mark.parametrize("begun", [b"", b"GET /test HTTP/1.1\r\nHost:"])
def test_kept_connections_of_many_addresses_shut_nobody_out(sites, begun):
    site = sites(connection_limit=60, connections_per_address=25)
    kept = []
    for number in range(1, 8):
        kept += opened(site, f"127.0.0.{number}", 30)
    for connection in kept:
        try:
            connection.sendall(begun)
        except OSError:
            connection.close()
    began = time.monotonic()
    for number in range(20):
        with opened(site, f"127.0.1.{number + 1}", 1)[0]:
            pass
    assert time.monotonic() - began < 5
    wait_until(lambda: site.listener.connections <= 60)
    for connection in kept:
        connection.close()


def test_a_client_keeps_what_it_uses(sites):
    site = sites(connection_limit=60, connections_per_address=25)
    mine = opened(site, "127.0.1.1", 3)
    kept = opened(site, "127.0.0.1", 100)
    wait_until(lambda: closed(kept) == 75)
    assert closed(mine) == 0
    for connection in kept + mine:
        connection.close()
