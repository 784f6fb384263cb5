"""The listener's end: under load, next to others on the same socket and as the last one, nothing
accepted is lost.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from hansa import Response
from hansa_devkit.harness.waiting import wait_until
from hansa_http import access, plugin
from hansa_http.early import HttpSection, listen
from hansa_http.frontend import HttpFrontend
from hansa_http.turn_away import turn_away


def said(request):
    time.sleep(random.choice((0, 0, 0.002, 0.02)))
    response = Response(cid=request.cid)
    response.raw = request.raw
    return response


class Load:
    """Clients that ask without pause, some keeping their connection, until told to stop or the
    server is gone.
    """

    def __init__(self, port, clients=12):
        self.port = port
        self.answered, self.failed, self.refused = 0, [], 0
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(clients)
        ]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        keep, pause, connection = number % 3 != 0, (number % 4) * 0.005, None
        while not self.stop.is_set():
            body = b"%d" % random.getrandbits(64)
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                try:
                    connection.connect()
                except ConnectionError:
                    with self._lock:
                        self.refused += 1
                    return
            try:
                connection.request("POST", "/test", body, {} if keep else {"Connection": "close"})
                answer = connection.getresponse()
                status, content = answer.status, answer.read()
                fault = "" if (status, content) == (200, body) else f"{status} {content!r}"
                closed = answer.getheader("Connection") == "close"
            except (OSError, http.client.HTTPException) as error:
                fault = repr(error)
                closed = True
            with self._lock:
                if fault:
                    self.failed.append((number, fault))
                else:
                    self.answered += 1
            if closed:
                connection.close()
                connection = None
            time.sleep(pause)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(30)


@pytest.mark.only_waitress  # two of granian's are told apart by their processes alone
def test_workers_replaced_under_load_lose_nothing(sites):
    shared = listen("127.0.0.1:0", 128)
    running = []
    for _ in range(2):
        running.append(sites(shared, start=False))
        running[-1].add().dispatch = said
        running[-1].listener.start()
    load = Load(running[0].port)
    for _ in range(4):
        running.append(sites(shared, start=False))
        running[-1].add().dispatch = said
        running[-1].listener.start()
        old = running.pop(0)
        before = load.answered
        old.listener.drain(closing=False, limit=10)
        assert not old.listener.connections
        old.listener.stop()
        wait_until(lambda before=before: load.answered > before + 50)
    load.end()
    assert load.failed == []
    assert load.refused == 0
    assert load.answered > 200


def test_the_last_worker_answers_everything_that_was_accepted(sites):
    site = sites(grace=0.3)
    site.add().dispatch = said
    load = Load(site.port)
    wait_until(lambda: load.answered > 100)
    began = time.monotonic()
    site.listener.drain(closing=True, limit=10)
    took = time.monotonic() - began
    site.listener.stop()
    wait_until(lambda: load.refused == 12)
    load.end()
    assert load.failed == []
    assert took < 5


def test_running_requests_are_waited_for_and_idle_ones_closed(sites):
    site = sites(grace=0.2)
    begun, release = threading.Event(), threading.Event()

    def slow(request):
        begun.set()
        release.wait(10)
        return said(request)

    site.add().dispatch = slow
    with site.connect() as idle, site.connect() as busy, busy.makefile("rb") as stream:
        busy.sendall(b"GET /test HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(5)
        wait_until(lambda: site.listener.connections == 2)
        draining = threading.Thread(target=site.listener.drain, args=(True, 10))
        draining.start()
        idle.settimeout(5)
        assert idle.recv(1) == b""
        assert draining.is_alive()
        release.set()
        status, headers, _ = site.read_answer(stream)
        assert (status, headers["connection"]) == (200, "close")
        assert stream.read() == b""
        draining.join(5)
        assert not draining.is_alive()


def test_while_it_drains_it_says_so_and_connections_are_closed_after_their_next_answer(
    sites, http_server
):
    site = sites(grace=2)
    site.add().dispatch = said
    versions = [(b"1.1", b"")]
    if http_server == "waitress":  # granian adds keep-alive to an answer in HTTP/1.0
        versions.append((b"1.0", b"Connection: keep-alive\r\n"))
    for version, keep in versions:
        ask = b"GET /hansa/ready HTTP/" + version + b"\r\nHost: x\r\n" + keep + b"\r\n"
        site.gate.draining = False
        with site.connect() as client, client.makefile("rb") as stream:
            client.sendall(ask)
            status, headers, _ = site.read_answer(stream)
            assert (status, headers.get("connection", "keep-alive").lower()) == (200, "keep-alive")
            site.gate.draining = True
            client.sendall(ask)
            status, headers, _ = site.read_answer(stream)
            assert (status, headers["connection"]) == (503, "close")
            assert stream.read() == b""


def test_a_request_that_never_ends_is_cut_at_the_limit(sites, caplog):
    site = sites(grace=0)
    release = threading.Event()
    begun = threading.Event()

    def endless(request):
        begun.set()
        release.wait(20)
        return said(request)

    site.add().dispatch = endless
    with site.connect() as client:
        client.sendall(b"GET /test HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(10)
        began = time.monotonic()
        site.listener.drain(closing=True, limit=0.5)
        assert 0.4 < time.monotonic() - began < 3
    assert "not answered" in caplog.text
    release.set()


def test_without_clients_the_end_comes_at_once(sites):
    for closing, at_most in ((False, 0.5), (True, 1.5)):
        site = sites(grace=10)
        began = time.monotonic()
        site.listener.drain(closing=closing, limit=10)
        assert time.monotonic() - began < at_most


def test_nothing_is_left_behind(sites):
    before = {thread.name for thread in threading.enumerate()}
    site = sites()
    site.add().dispatch = said
    assert site.ask("POST", "/test", content=b"x").content == b"x"
    site.listener.stop()
    wait_until(lambda: {thread.name for thread in threading.enumerate()} <= before | {"MainThread"})
    site.shared.getsockname()  # what was handed in is left open


def hooked(folder, **settings):
    """What the hooks see of a server with these settings, and the port of its worker."""
    shared = listen("127.0.0.1:0", 16)
    (folder / "logs").mkdir()
    section = HttpSection(address="127.0.0.1:0", grace=0.1, threads=2, **settings)
    server = SimpleNamespace(
        sockets={"http": shared},
        dir=folder,
        section=lambda model: section,
        ready=False,
        fault="",
        closing=True,
        grace=5.0,
        replace_worker=None,
    )
    server.resource = {HttpFrontend: plugin.hansa_startup(server)}.get
    return server, shared.getsockname()[1]


def logged_paths(folder):
    lines = (folder / "logs" / "access.log").read_text().splitlines()
    return [json.loads(line)["path"] for line in lines]


def test_the_hooks_of_a_worker(sites, tmp_path, monkeypatch):
    monkeypatch.setattr(access, "PAUSE", 60.0)
    server, port = hooked(tmp_path)
    plugin.hansa_serve(server)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/hansa/ready")
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (503, True)
        server.ready = True
        server.fault = "the ODB is gone"
        connection.request("GET", "/hansa/ready")
        answer = connection.getresponse()
        assert answer.status == 503
        assert json.loads(answer.read())["detail"] == "not ready: the ODB is gone"
        server.fault = ""
        for path in ("/hansa/ready", "/hansa/live", "/hansa/ping"):
            connection.request("GET", path)
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (200, True)
        connection.close()
        plugin.hansa_drain(server)
        with pytest.raises(ConnectionError):
            http.client.HTTPConnection("127.0.0.1", port, timeout=10).request("GET", "/")
    finally:
        plugin.hansa_shutdown(server)
    # nothing waits for a thread that has ended
    assert logged_paths(tmp_path) == ["/hansa/ping"], "health checks are left out"
    plugin.hansa_shutdown(server)
    server.sockets = {}
    plugin.hansa_serve(server)
    plugin.hansa_drain(server)


@pytest.mark.parametrize("secret", ["", "0123456789abcdef"])
def test_health_checks_are_logged_on_demand_and_a_proxy_without_a_secret_is_warned_of(
    tmp_path, caplog, secret
):
    trusted = {"trusted_proxies": ["127.0.0.1"], "proxy_secret": secret or None}
    server, port = hooked(tmp_path, access_log_health=True, **trusted)
    plugin.hansa_serve(server)
    try:
        for path in ("/hansa/live", "/hansa/ready"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path)
            connection.getresponse().read()
            connection.close()
    finally:
        plugin.hansa_shutdown(server)
    assert logged_paths(tmp_path) == ["/hansa/live", "/hansa/ready"]
    assert ("set http.proxy_secret" in caplog.text) == (not secret)


def test_only_new_connections_are_turned_away():
    """What was begun goes on: data of connections that wait to be accepted, and of those that
    inherited it while they were made.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        address = listening.getsockname()
        with socket.create_connection(address) as waiting:
            turn_away(listening)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.3)
            accepted = listening.accept()[0]
            with accepted:
                turn_away(accepted)
                accepted.settimeout(5)
                waiting.settimeout(5)
                waiting.sendall(b"asked")
                assert accepted.recv(10) == b"asked"
                accepted.sendall(b"answered")
                assert waiting.recv(10) == b"answered"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
