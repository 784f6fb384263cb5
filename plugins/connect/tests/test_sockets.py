"""A socket can be asked whether it is silent, and be shut from outside; settings of TLS."""

from __future__ import annotations

import socket
import threading

import pytest
from hansa import Invalid, load
from hansa_connect.sockets import is_silent, shut_down
from hansa_connect.tls import TlsSettings


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
        load(TlsSettings, {"tls": True, "tls_certificate": "/x.pem"})
    with pytest.raises(FileNotFoundError):
        load(TlsSettings, {"tls": True, "tls_ca": "/nowhere.pem"}).context()
    context = load(TlsSettings, {"tls": True}).context()
    assert context is not None and context.check_hostname
