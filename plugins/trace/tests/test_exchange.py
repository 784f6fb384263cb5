"""Servers ask each other through Redis, and through the ODB: all answer, or it is said who did not."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from hansa import Server
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey
from hansa_trace.logs import odb_exchange
from hansa_trace.logs.exchange import Exchange
from hansa_trace.logs.odb_exchange import OdbExchange
from hansa_trace.logs.query import LogAnswer, LogLine, LogQuery
from hansa_trace.logs.redis_exchange import RedisExchange

from plugins.redis.tests.support import end, launch


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engine = Valkey(tmp_path_factory.mktemp("v"))
    process = launch(engine)
    yield engine.address
    end(process)
    engine.close()


@pytest.fixture(params=["redis", "odb"])
def exchange(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Exchange:
    if request.param == "odb":
        monkeypatch.setattr(odb_exchange, "LOOK_FOR_QUESTIONS", 0.02)
        return OdbExchange(LocalServer(directory=tmp_path).journal)
    bus = RedisBus(request.getfixturevalue("valkey"), uuid.uuid4().hex)
    return RedisExchange(bus.redis, bus)


@pytest.fixture
def serve(exchange: Exchange) -> Iterator[Callable[[str], None]]:
    stopped = threading.Event()
    threads: list[threading.Thread] = []

    def answering(server: str) -> Callable[[LogQuery], LogAnswer]:
        def answer(query: LogQuery) -> LogAnswer:
            line = LogLine(1.0, "INFO", server, query.cids[0], "x", "server")
            return LogAnswer(lines=[line])

        return answer

    def start(server: str) -> None:
        arguments = (server, answering(server), stopped)
        thread = threading.Thread(target=exchange.serve, args=arguments)
        thread.start()
        threads.append(thread)

    yield start
    stopped.set()
    for thread in threads:
        thread.join(5)


def test_those_who_are_asked_answer(exchange: Exchange, serve: Callable[[str], None]):
    for server in ("server2", "server3", "server4"):
        serve(server)

    def ask() -> dict[str, LogAnswer]:
        id = exchange.send(["server2", "server3"], LogQuery(cids=["K1"]))
        return exchange.receive(id, 2, 2.0)

    # those who have just begun to listen may miss a question
    wait_until(lambda: len(ask()) == 2)
    for _ in range(3):
        found = ask()
        assert set(found) == {"server2", "server3"}
        for server, answer in found.items():
            assert [(line.logger, line.cid) for line in answer.lines] == [(server, "K1")]


def test_a_silent_server_is_waited_for_no_longer(exchange: Exchange):
    began = time.monotonic()
    id = exchange.send(["server9"], LogQuery())
    assert exchange.receive(id, 1, 0.3) == {}
    assert 0.25 < time.monotonic() - began < 1.5


def test_servers_are_known_for_a_week(exchange: Exchange, monkeypatch: pytest.MonkeyPatch):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 8 * 86400)
    exchange.announce("server1")
    monkeypatch.setattr(time, "time", lambda: now)
    exchange.announce("server2")
    assert dict(exchange.known()) == {"server2": now}


def test_a_cluster_of_one_asks_nobody(tmp_path: Path):
    from hansa_trace.traces import Traces

    (tmp_path / "logs").mkdir()
    server = cast(Server, LocalServer(directory=tmp_path))
    traces = server.resource(Traces)
    found = traces.logs.ask(LogQuery(), [])
    assert set(found.answers) == {"local"}
    assert found.missing == {}
    found = traces.logs.ask(LogQuery(), ["nobody"])
    assert found.missing == {"nobody": "no server named nobody was there in the last 7 days"}
    cast(LocalServer, server).close()
