"""Services of the form `async def handle` behind a listener: no thread is kept while they wait, and
whatever holds for others holds for them.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hansa import Binding, Forbidden, Service, current_cid, event_loop
from hansa.runtime.routes import compile_route
from hansa_devkit.harness.waiting import wait_until

CLIENTS = 200
ASK = b"POST /test HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n17"


class Meeting(Service):
    """Waits until all clients are there."""

    present: list[int]
    all_there: asyncio.Event

    async def handle(self) -> dict[str, Any]:
        self.present.append(self.request.input)
        if len(self.present) == CLIENTS:
            self.all_there.set()
        await self.all_there.wait()
        return {"number": self.request.input, "on_loop": threading.get_ident() == event_loop.thread}


@pytest.fixture
def meeting():
    """The service, whose clients have not come yet."""
    Meeting.present = []
    Meeting.all_there = asyncio.Event()
    return Meeting


def test_more_clients_wait_than_there_are_threads(sites, meeting):
    site = sites(threads=2, max_threads=2, connections_per_address=0, connection_limit=1000)
    site.add(meeting)
    before = threading.active_count()
    clients = [site.connect() for _ in range(CLIENTS)]
    for client in clients:
        client.sendall(ASK)
    answers = []
    for client in clients:
        with client, client.makefile("rb") as stream:
            answers.append(site.read_answer(stream))
    assert {(status, body) for status, _, body in answers} == {
        (200, b'{"number":17,"on_loop":true}')
    }
    assert threading.active_count() <= before + 6


class Answering(Service):
    """Answers on the loop, as it is asked to."""

    async def handle(self) -> Any:
        await asyncio.sleep(0)
        asked = self.request.input
        if asked == "forbid":
            raise Forbidden("not you")
        if asked == "break":
            raise KeyError("inside")
        if asked == "leave":
            raise SystemExit(1)
        self.response.headers["X-Given"] = "1"
        return [asked, current_cid.get(), event_loop.is_current]


def test_answers_and_errors_are_those_of_any_service(site):
    site.add(Answering)
    answer = site.ask("POST", "/test", json="one", headers={"X-Hansa-CID": "K1"})
    assert (answer.status_code, answer.json()) == (200, ["one", "K1", False])
    assert (answer.headers["x-given"], answer.headers["x-hansa-cid"]) == ("1", "K1")
    statuses = [
        site.ask("POST", "/test", json=one).status_code for one in ("forbid", "break", "leave")
    ]
    assert statuses == [403, 500, 500]
    assert site.ask("GET", "/nowhere").status_code == 404
    assert site.ask("POST", "/test", json="last").json()[0] == "last"


def test_requests_one_behind_the_other_on_a_connection(site):
    site.add(Answering)
    one = ASK.replace(b"\r\n\r\n17", b"\r\n\r\n%d")
    found = site.raw(b"".join(one % number for number in range(10, 15)), answers=5)
    assert [body[:4] for _, _, body in found] == [b"[10,", b"[11,", b"[12,", b"[13,", b"[14,"]


def test_a_large_body_is_read_in_a_thread_and_its_service_runs_on_the_loop(site):
    class Size(Service):
        async def handle(self) -> list[Any]:
            return [len(self.request.input), threading.get_ident() == event_loop.thread]

    site.add(Size)
    answer = site.ask("POST", "/test", json="x" * 400_000)
    assert answer.json() == [400_000, True]


def test_paths_with_variables_and_channels_that_are_chosen_by_method(site):
    class Where(Service):
        async def handle(self) -> Any:
            return [self.request.params["key"], event_loop.thread == threading.get_ident()]

    class Plain(Service):
        def handle(self) -> Any:
            return event_loop.thread == threading.get_ident()

    site.add(Where, name="get", url_path="/of/{key}", method="GET")
    site.add(Plain, name="post", url_path="/of/{key}", method="POST")
    assert site.ask("GET", "/of/a").json() == ["a", True]
    assert site.ask("POST", "/of/a", json={}).json() is False
    assert site.ask("PUT", "/of/a").status_code == 405


def test_a_service_that_takes_its_place_and_blocks_runs_in_a_thread(site):
    class Blocking(Service):
        def handle(self) -> Any:
            return [event_loop.is_current, event_loop.thread == threading.get_ident()]

    channel = site.add(Blocking)
    assert not channel.is_awaited
    # as if it had been chosen for the loop before its service was replaced
    site.frontend.table.awaits = lambda target, environ: True
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/test", "wsgi.input": None}
    response, _ = event_loop.wait(event_loop.run(site.frontend.handler, environ))
    assert response.payload == [False, False]


def test_a_channel_is_chosen_by_the_route_that_serves(site):
    """A route that was made and does not serve yet, and may never, decides nothing."""
    channel = site.add(Answering)
    binding = Binding("test", site.server, None, "test", "http", channel.config)
    plain = compile_route(binding, Service, channel=channel)
    assert channel.is_awaited
    channel.dispatch = plain
    assert not channel.is_awaited
    compile_route(binding, Answering, channel=channel)
    assert not channel.is_awaited


def test_a_drain_waits_for_what_waits(sites, meeting):
    site = sites(grace=0.1)
    site.add(meeting)
    with ThreadPoolExecutor(2) as pool, site.connect() as client:
        client.sendall(ASK)
        wait_until(lambda: meeting.present)
        drained = pool.submit(site.listener.drain, False, 30)
        wait_until(lambda: site.gate.draining)
        assert not drained.done()
        event_loop.wait(set_event(meeting))
        with client.makefile("rb") as stream:
            status, headers, _ = site.read_answer(stream)
        assert (status, headers["connection"]) == (200, "close")
        drained.result(30)


async def set_event(meeting):
    """Let all go, on the loop that they wait on."""
    meeting.all_there.set()


def test_a_client_that_goes_away_meanwhile_disturbs_nobody(site, meeting):
    site.add(meeting)
    site.add(Answering, name="other", url_path="/other")
    client = socket.create_connection(("127.0.0.1", site.port))
    client.sendall(ASK)
    wait_until(lambda: meeting.present)
    client.close()
    event_loop.wait(set_event(meeting))
    assert site.ask("POST", "/other", json="on").json()[0] == "on"
