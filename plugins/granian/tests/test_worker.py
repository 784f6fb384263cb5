"""The guards on granian's inside, by which a new version of it shows what it changes; and what of its
answers is ours.
"""

from __future__ import annotations

import select
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Invalid
from hansa_granian.head import environ_of, key_of
from hansa_granian.listener import GranianListener
from hansa_granian.worker import GranianWorker, value_of
from hansa_http.early import HttpSection

SCOPE: Any = {
    "http_version": "1.1",
    "server": ("127.0.0.1", "80"),
    "client": ("192.0.2.1", "4000"),
    "scheme": "http",
    "raw_path": b"/a%2Fb",
    "query_string": b"c=%20",
    "method": "POST",
    "headers": [
        (b"host", b"x"),
        (b"cookie", b"a=1"),
        (b"x_forwarded_for", b"203.0.113.1"),
        (b"accept", b"a"),
        (b"cookie", b"b=2"),
        (b"accept", b"\xe9"),
        (b"content-type", b"text/plain"),
    ],
}


def test_a_head_as_a_wsgi_environment():
    environ = environ_of(SCOPE)
    assert environ["REQUEST_URI"] == "/a%2Fb?c=%20"
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("192.0.2.1", "4000")
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_ACCEPT"] == "a, \xe9"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert not any("FORWARDED" in key for key in environ)
    assert [key_of(name) for name in (b"x-a", b"x_a", b"content-length")] == [
        "HTTP_X_A",
        "",
        "CONTENT_LENGTH",
    ]


@pytest.fixture
def worker():
    """A worker that answers with what it was sent, and its socket."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        made = GranianWorker(
            listening,
            _echo,
            threads=2,
            connection_limit=10,
            max_header=8192,
            timeout=5,
            backlog=16,
            certificate=None,
        )
        yield made, listening
        made.accept_no_more()
        assert made.end(10)


def _echo(watcher):
    """Answer with the piece of the body that comes first, in whichever thread it comes."""

    def answer(promise):
        piece = value_of(promise)
        watcher.proto.send({"type": "http.response.start", "status": 200, "headers": []})
        watcher.proto.send({"type": "http.response.body", "body": piece["body"]})
        watcher.done()

    watcher.proto.receive().add_done_callback(answer, None)


def test_bodies_come_without_an_event_loop(worker):
    _, listening = worker
    with socket.create_connection(listening.getsockname(), timeout=10) as client:
        for _ in range(3):
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
            found = b""
            while not found.endswith(b"abc"):
                found += client.recv(1000)
            assert found.startswith(b"HTTP/1.1 200 OK\r\n")


def test_what_accepts_no_more_leaves_others_what_comes_and_keeps_what_is_open(worker):
    made, listening = worker
    ask = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    with socket.create_connection(listening.getsockname(), timeout=10) as kept:
        kept.sendall(ask)
        assert kept.recv(1000)
        made.accept_no_more()
        with socket.create_connection(listening.getsockname(), timeout=10) as other:
            assert select.select([listening], [], [], 10)[0]
            accepted = listening.accept()[0]
            with accepted:
                other.sendall(b"left to us")
                accepted.settimeout(10)
                assert accepted.recv(100) == b"left to us"
        kept.sendall(ask)
        assert kept.recv(1000).startswith(b"HTTP/1.1 200")


def test_client_certificates_are_refused_by_setting():
    section = HttpSection(certificate="x.pem", client_ca="y.pem")
    site: Any = SimpleNamespace(section=section)
    shared: Any = None
    with pytest.raises(Invalid, match=r"http\.client_ca"):
        GranianListener(site, shared)
