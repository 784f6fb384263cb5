"""A call in a thread has a deadline; a socket can be asked whether it is silent, and be shut from
outside.
"""

from __future__ import annotations

import socket
import threading
import time

import pytest
from hansa import Invalid, TimedOut, load
from hansa_connect.deadline import call_within
from hansa_connect.sockets import is_silent, shut_down
from hansa_connect.tls import TlsSettings
from hansa_devkit.harness.waiting import wait_until


def test_the_answer_and_the_error_of_a_call_come_through():
    assert call_within(5, "x", lambda: 42, print) == 42
    with pytest.raises(KeyError):
        call_within(5, "x", lambda: {"yes": 1}["no"], print)
    with pytest.raises(TimeoutError, match="its own"):
        call_within(5, "x", lambda: (_ for _ in ()).throw(TimeoutError("its own")), print)


def test_an_answer_that_comes_too_late_is_dropped():
    go, dropped = threading.Event(), []
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"the database: no answer within 0\.1 s"):
        call_within(0.1, "the database", lambda: go.wait(10) and "late", dropped.append)
    assert time.monotonic() - began < 5
    go.set()
    wait_until(lambda: dropped == ["late"], 5)


def test_silent_and_shut():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_silent(ours.fileno())
        theirs.send(b"x")
        assert not is_silent(ours.fileno())
        ours.recv(1)
        got = []
        thread = threading.Thread(target=lambda: got.append(ours.recv(1)))
        thread.start()
        shut_down(ours.fileno())
        thread.join(5)
        assert got == [b""] and not is_silent(ours.fileno())
        shut_down(ours.fileno())


def test_settings_of_tls():
    assert load(TlsSettings, {}).context() is None
    with pytest.raises(Invalid, match="tls_key: certificate and key belong together"):
        load(TlsSettings, {"tls": True, "tls_certificate": "x.pem"})
    with pytest.raises(FileNotFoundError):
        load(TlsSettings, {"tls": True, "tls_ca": "/nowhere.pem"}).context()
    context = load(TlsSettings, {"tls": True}).context()
    assert context is not None and context.check_hostname
