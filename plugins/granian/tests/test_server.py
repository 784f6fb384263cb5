"""Servers on granian: typed services, what the log says, workers that are killed and replaced under
load, the end of a server.
"""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import servers
from hansa_devkit.harness.waiting import wait_until

from tests.scenarios.load import SOURCE, Load, handled

CONFIG = """
[http]
server = "granian"
max_body = 100000

[services]
files = ["counting.py"]

[channel.http.count]
url_path = "/count"
service = "counting.count"
format = "json"
"""
KEPT_BY_A_KILL = 16
"""Clients, each of which may lose the one request that it has in a worker that is killed."""


@pytest.fixture
def start(tmp_path):
    """Start servers, whose service writes each number down in the file `written`."""
    written = tmp_path / "written"
    written.touch()
    with servers(tmp_path) as make:

        def started(workers):
            server = make(CONFIG, start=False, workers=workers, plugins=["granian"])
            source = SOURCE.format(path=str(written), version=1)
            (server.folder / "counting.py").write_text(source)
            server.start()
            return server, written

        yield started


def written_once(written: Path, load: Load) -> Counter[int]:
    """What was written down; each request that was answered is there, and none is there twice."""
    times = handled(written)
    answered = {answer.number for answer in load.answers if not answer.fault}
    assert answered <= set(times)
    assert set(times.values()) == {1}
    return times


def test_a_server_whose_workers_are_replaced_and_killed(start):
    server, written = start(2)
    assert "served by granian" in server.output() + server.log()
    answer = server.post("/count", {"number": 0})
    assert answer.json() == {"number": 0, "version": 1, "again": 1}
    assert answer.headers["server"] == "Hansa"
    assert server.post("/count", {"number": "x"}).status_code == 400
    assert server.post("/count", "x" * 100_001).status_code == 413
    log = server.dir / "logs/access.log"
    wait_until(lambda: log.exists() and log.read_text().count("\n") >= 2, 10, "lines")
    assert '"channel":"count"' in log.read_text()
    with Load(server.port, "/count") as load:
        for _ in range(2):
            before = {worker.pid for worker in server.workers()}
            server.api("admin.server.reload")
            wait_until(lambda before=before: replaced(server, before), 30, "other workers")
        wait_until(lambda: len(load.answers) > 300, 60)
    assert load.faults == []
    assert not any(answer.refused for answer in load.answers)
    written_once(written, load)
    with Load(server.port, "/count") as load:
        wait_until(lambda: len(load.answers) > 100, 60)
        victim = server.workers()[0]
        victim.kill()
        wait_until(lambda: replaced(server, {victim.pid}), 30, "another worker")
        wait_until(lambda: len(load.answers) > 300, 60)
    assert len(load.faults) <= KEPT_BY_A_KILL
    assert not any(answer.refused for answer in load.answers)


def replaced(server, before):
    """Whether two workers run, and none of those before."""
    now = {worker.pid for worker in server.workers()}
    return len(now) == 2 and not now & before and server.ready()


def test_a_server_that_ends_under_load_answers_what_it_has_accepted(start):
    server, written = start(1)
    with Load(server.port, "/count", stop_when_refused=True, pause=0.005) as load:
        wait_until(lambda: len(load.answers) > 100, 60)
        assert server.stop() == 0
        load.join(30)
    assert load.faults == []
    times = written_once(written, load)
    assert set(times) == {answer.number for answer in load.answers if not answer.refused}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_server_that_is_not_there_and_client_certificates_are_refused_by_setting(tmp_path):
    for line, told in (
        ('server = "apache"', "http.server: 'apache' is not installed here"),
        ('server = "granian"\ncertificate = "x.pem"\nclient_ca = "y.pem"', "http."),
    ):
        folder = tmp_path / str(len(told))
        folder.mkdir()
        with servers(folder) as make:
            server = make(f"[http]\n{line}\n", start=False, workers=1, plugins=["granian"])
            server.launch()
            wait_until(lambda server=server, told=told: told in server.log(), 60, told)
            server.kill()
