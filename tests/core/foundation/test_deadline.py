"""A thread has a deadline, a call in a thread of its own, too; hosts are looked up within it."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from hansa import TimedOut
from hansa.foundation.deadline import call_within, deadline, look_up_host, time_left
from hansa_devkit.harness.waiting import wait_until


def test_the_innermost_deadline_counts_in_its_thread_alone():
    assert time_left() is None
    assert time_left(3) == 3
    with deadline(10):
        left = time_left()
        assert left is not None and 9 < left <= 10
        assert time_left(3) == 3
        assert call_within(5, "x", time_left, print) is None
        with deadline(None):
            assert time_left() is None
        with deadline(0):
            assert time_left() == time_left(3) == 0.0
        left = time_left()
        assert left is not None and 9 < left <= 10
    assert time_left() is None


def test_the_answer_and_the_error_of_a_call_come_through():
    assert call_within(5, "x", lambda: 42, print) == 42
    with pytest.raises(KeyError):
        call_within(5, "x", lambda: {"yes": 1}["no"], print)
    with pytest.raises(TimeoutError, match="its own"):
        call_within(5, "x", lambda: (_ for _ in ()).throw(TimeoutError("its own")), print)


def test_an_answer_that_comes_too_late_is_dropped():
    go = threading.Event()
    dropped: list[object] = []
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"the database: no answer within 0\.1 s"):
        call_within(0.1, "the database", lambda: go.wait(10) and "late", dropped.append)
    assert time.monotonic() - began < 5
    go.set()
    wait_until(lambda: dropped == ["late"], 5)


def test_hosts_are_looked_up():
    found = look_up_host("127.0.0.1", 80, family=socket.AF_INET)
    assert [one[4] for one in found] == [("127.0.0.1", 80)]
    with pytest.raises(OSError):
        look_up_host("no-such-host.invalid", 80)


def test_a_look_up_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch):
    go = threading.Event()

    def blocked(*arguments: object) -> list[object]:
        go.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", blocked)
    began = time.monotonic()
    with deadline(0.1), pytest.raises(TimedOut, match=r"the look-up of example\.com: no answer"):
        look_up_host("example.com", 80)
    with pytest.raises(TimedOut):
        look_up_host("example.com", 80, timeout=0.1)
    assert time.monotonic() - began < 5
    go.set()
