"""Health checks and Hansa's own addresses answer whatever services do."""

from __future__ import annotations

import threading
import time

import pytest
from hansa import Response, Service
from hansa_devkit.harness.waiting import wait_until
from hansa_http import listener
from hansa_http.channel import HttpChannel
from hansa_http.listener import Listener


class Status(Service):
    """Stands for an operation of the admin API."""

    def handle(self):
        return {"ok": True}


class OwnChannel(HttpChannel):
    builtin = True


class Stuck:
    """A site all of whose threads of services are busy until `release` is set."""

    def __init__(self, site):
        self.site = site
        self.release = threading.Event()
        self.entered = threading.Semaphore(0)
        site.add().dispatch = self._wait
        site.add(Status, "status", OwnChannel, url_path="/hansa/api/{service}")
        self.clients = []

    def _wait(self, request):
        self.entered.release()
        self.release.wait(30)
        return Response(cid=request.cid)

    def fill(self, count):
        """Have requests that do not return, and wait until they occupy all threads."""
        for _ in range(count):
            client = self.site.connect()
            client.sendall(b"GET /test HTTP/1.1\r\nHost: x\r\n\r\n")
            self.clients.append(client)
        for _ in range(self.site.section.threads):
            assert self.entered.acquire(timeout=10)

    def end(self):
        self.release.set()
        for client in self.clients:
            client.close()


@pytest.fixture
def stuck(sites):
    made = []

    def make(**settings):
        made.append(Stuck(sites(**settings)))
        return made[-1]

    yield make
    for one in made:
        one.end()


def test_forty_calls_that_never_return_leave_health_and_admin_alone(stuck):
    one = stuck(threads=4)
    one.fill(40)
    for path in ("/hansa/ping", "/hansa/live", "/hansa/ready", "/hansa/api/admin.server.status"):
        assert one.site.ask("GET", path).status_code == 200, path
    one.site.listener.lanes.shared.add("/hansa/api/admin.service.invoke")
    client = one.site.connect()
    one.clients.append(client)
    before = len(one.site.listener.lanes.services.queue)
    client.sendall(b"GET /hansa/api/admin.service.invoke HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_until(lambda: len(one.site.listener.lanes.services.queue) == before + 1)


def test_threads_are_stuck_while_none_becomes_free(stuck):
    one = stuck(threads=2)
    pool = one.site.listener.lanes.services
    assert pool.stuck == 0.0
    one.fill(2)
    first = pool.stuck
    assert first > 0.0
    wait_until(lambda: pool.stuck > first)
    one.release.set()
    wait_until(lambda: pool.stuck == 0.0)


def test_a_worker_whose_threads_are_all_stuck_is_replaced_once_and_refuses_what_waits(
    sites, monkeypatch
):
    site = sites(start=False, threads=2, stuck_limit=0.05)
    reasons: list[str] = []
    site.listener.stop()
    site.gate.draining = False
    site.listener = Listener(site.app, site.shared, site.section, site.gate, reasons.append)
    site.listener.start()
    one = Stuck(site)
    try:
        one.fill(5)
        wait_until(lambda: len(site.listener.lanes.services.queue) == 3)
        time.sleep(0.06)
        site.listener.maintenance(time.time())
        site.listener.maintenance(time.time())
        (why,) = reasons
        assert why.startswith("all 2 threads are stuck for ")
        # its successor did not start
        monkeypatch.setattr(listener, "ASK_AGAIN", 0.0)
        site.listener._ask_at = 0.0
        site.listener.maintenance(time.time())
        assert len(reasons) == 2
        drained = threading.Thread(target=site.listener.drain, args=(False, 10))
        drained.start()
        for client in one.clients[2:]:
            with client.makefile("rb") as stream:
                status, headers, body = site.read_answer(stream)
            assert (status, headers["retry-after"]) == (503, "1")
            assert b"all threads are busy" in body
        site.listener.maintenance(time.time())
        assert len(reasons) == 2, "others serve"
        one.release.set()
        drained.join(15)
        assert not drained.is_alive()
    finally:
        one.end()
