"""Outgoing HTTP as services on the event loop use it: the same calls as in threads, and no thread is
kept while they wait.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hansa import Security, Service, TimedOut, Unavailable, current_cid, deadline, event_loop
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_http.loop_transport import divided
from hansa_http.response import BadAnswer

from plugins.http.tests.scripted_peer import answer, scripted

MANY = 100
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def called(outgoing: Any, call: Callable[[Any], Any], cid: str = "K5") -> Any:
    """What a service on the loop gets of a call of a connection."""

    class Calls(Service):
        async def handle(self) -> Any:
            return await call(self.outgoing.http["peer"])

    server = LocalServer(services={"calls": Calls}, outgoing={"http": {"peer": outgoing}})
    return server.invoke("calls", cid=cid)


class Seen(Service):
    """On the loop itself: says what came."""

    async def handle(self) -> Any:
        await asyncio.sleep(0)
        headers = self.request.headers
        return [self.request.method, self.request.input, headers.get("x-proof"), current_cid.get()]


class Proof(Security[Any]):
    """Signs, and may block: it notes where it does."""

    type = "proof"
    threads: list[int]

    def sign(self, headers: dict[str, str]) -> None:
        self.threads.append(threading.get_ident())
        headers["X-Proof"] = "me"


def test_calls_are_those_of_threads(site, connections):
    site.add(Seen)
    security = Proof("proof", None, LocalServer())
    security.threads = []
    outgoing = connections(site.url, security=security, url_path="/test", format="json")
    object.__setattr__(outgoing.config, "security", "proof")
    answer = called(outgoing, lambda peer: peer.post([1, "é"]))
    assert answer.data == ["POST", [1, "é"], "me", "K5"]
    assert called(outgoing, lambda peer: peer.get()).data == ["GET", None, "me", "K5"]
    assert called(outgoing, lambda peer: peer.ping()).startswith("HEAD ")
    assert event_loop.thread not in security.threads


def test_many_wait_at_once_and_keep_no_thread(connections):
    """The peer answers once all have asked."""
    asked = threading.Barrier(2, timeout=30)
    with socket.create_server(("127.0.0.1", 0), backlog=MANY) as listening:

        def serve() -> None:
            clients = [listening.accept()[0] for _ in range(MANY)]
            for client in clients:
                assert client.recv(65536)
            asked.wait()
            for client in clients:
                client.sendall(ANSWER)
                client.close()

        threading.Thread(target=serve, daemon=True).start()
        outgoing = connections(
            f"http://127.0.0.1:{listening.getsockname()[1]}",
            pool_size=MANY,
            timeout=30,
            deadline=60,
        )
        counts: list[int] = []

        async def all_at_once(peer: Any) -> Any:
            calls = asyncio.gather(*(peer.get() for _ in range(MANY)))
            await asyncio.to_thread(asked.wait)
            counts.append(threading.active_count())
            return [found.text for found in await calls]

        before = threading.active_count()
        assert called(outgoing, all_at_once) == ["ok"] * MANY
        assert counts[0] <= before + 6


@pytest.mark.parametrize("size", [1, 20, 32, 33, 64, 100, 1999])
def test_many_connections_are_several_pools(size):
    parts = divided(size)
    assert sum(parts) == size
    assert max(parts) <= 32
    assert max(parts) - min(parts) <= 1


def test_what_fails_is_tried_again_and_told(connections):
    scripts = [answer(503), answer(503), answer(200, b"third", Set_Cookie="a=1"), answer(204)]
    with scripted(*scripts) as (address, seen):
        outgoing = connections(address, retries=2, retry_delay=0.01, cookies=True)
        assert called(outgoing, lambda peer: peer.get()).text == "third"
        assert called(outgoing, lambda peer: peer.get()).status == 204
        assert b"cookie: a=1" in seen[3].lower()
    with pytest.raises(Unavailable, match="cannot be reached"):
        called(outgoing, lambda peer: peer.get())
    assert "Connection refused" in outgoing.server.told[-1]


def test_an_answer_that_is_too_large_is_no_answer(connections):
    with scripted(answer(200, b"x" * 2000)) as (address, _):
        with pytest.raises(BadAnswer, match="larger than 1024 bytes"):
            called(connections(address, max_response=1024), lambda peer: peer.get())


def hang(client, stop):
    stop.wait(30)


def test_the_deadline_of_the_connection_and_that_of_the_caller_hold(connections):
    with scripted(hang) as (address, _):
        outgoing = connections(address, timeout=20, deadline=0.1, retries=0)
        with pytest.raises(TimedOut, match="no answer in time"):
            called(outgoing, lambda peer: peer.get())
        patient = connections(address, timeout=20, deadline=20, retries=0)
        with pytest.raises(TimedOut), deadline(0.1):
            called(patient, lambda peer: peer.get())


def test_who_is_cancelled_gives_the_connection_back(connections):
    with scripted(hang, answer(200, b"next")) as (address, seen):
        outgoing = connections(address, pool_size=1, timeout=20, deadline=30)

        async def give_up(peer: Any) -> Any:
            first = asyncio.ensure_future(event_loop.run(outgoing.get))
            while not seen:
                await asyncio.sleep(0.01)
            first.cancel()
            return (await peer.get()).text

        assert called(outgoing, give_up) == "next"


def test_a_stop_closes_its_connections(connections, site):
    site.add(Seen)
    outgoing = connections(site.url, url_path="/test", format="json")
    assert called(outgoing, lambda peer: peer.get()).ok
    wait_until(lambda: site.listener.connections == 1)
    outgoing.stop()
    wait_until(lambda: site.listener.connections == 0)
