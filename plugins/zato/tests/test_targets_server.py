"""Two servers that call each other's workers, over Redis and over the ODB alone; one of the workers
is killed while it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

pytestmark = pytest.mark.evidence("real_server", "kills")
SOURCE = '''
import os
import time

from hansa import Service
from zato.server.service import Service as ZatoService


class Where(Service):
    """Says where it runs."""

    name = "places.where"

    def handle(self):
        return {"server": self.server.name, "worker": self.server.id, "pid": os.getpid()}


class Hangs(Service):
    """Says in a file where it hangs."""

    name = "places.hangs"

    def handle(self):
        with open(self.request.payload["file"], "w") as file:
            file.write(str(os.getpid()))
        time.sleep(300)


class Everywhere(Service):
    """Asks all workers of the cluster."""

    name = "places.everywhere"

    def handle(self):
        workers = self.server.cluster.workers()
        answers = self.server.invoke_on(workers, "places.where", cid=self.cid, timeout=60)
        return [answer.result() for answer in answers.values()]


class AsksOne(Service):
    """Asks a worker of the other server for something that takes long."""

    name = "places.asks-one"

    def handle(self):
        (worker,) = self.server.cluster.workers("server2")
        asked = self.server.invoke_on([worker], "places.hangs", self.request.input, timeout=120)
        error = asked[worker].error
        return {"code": error.code, "detail": error.detail, "worker": worker}


class There(ZatoService):
    name = "places.there"

    def handle(self):
        self.response.payload = {
            "there": self.invoke("places.where@server2")["server"],
            "label": self.invoke("places.where@second")["server"],
            "processes": self.server.invoke_all_pids("places.where", timeout=60),
        }
'''
NAMES = ("everywhere", "asks-one", "there")


@pytest.fixture(scope="module", params=["Redis", "ODB"])
def pair(
    request: pytest.FixtureRequest,
    start_shared_server: Callable[..., RunningServer],
    valkey: str,
) -> tuple[RunningServer, RunningServer]:
    """Two servers of a cluster, the first one with two workers."""
    redis = f'[redis]\naddress = "{valkey}"\n' if request.param == "Redis" else ""
    plugins = {"zato", "redis"} if redis else {"zato"}
    name = f'cluster = "{request.param}"\n'
    config = f"[server]\n{name}{redis}"
    first = start_shared_server(config, workers=2, plugins=plugins)
    odb = f'[odb]\nurl = "sqlite:///{first.dir / "odb.sqlite"}"\n'
    key = f'name = "server2"\nsecret_key = {{ "$file" = "{first.dir / "secret.key"}" }}\n'
    label = '[zato]\ninvoke_targets = ["sec*"]\n'
    config = f"[server]\n{name}{key}{redis}{odb}{label}"
    second = start_shared_server(config, workers=1, plugins=plugins)
    first.deploy("places.py", SOURCE)
    for each in NAMES:
        settings = {"url_path": f"/{each}", "service": f"places.{each}", "format": "json"}
        first.api("admin.channel.http.create", name=each, **settings)
    return first, second


def ask(server: RunningServer, name: str, data: Any = None) -> Any:
    answer = server.post(f"/{name}", data, timeout=150)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_worker_of_the_cluster_answers(pair: tuple[RunningServer, RunningServer]) -> None:
    first, _ = pair
    found = ask(first, "everywhere")
    pids = {process.pid for server in pair for process in server.workers()}
    assert {each["pid"] for each in found} == pids and len(found) == 3
    assert [each["server"] for each in found] == ["server1", "server1", "server2"]


def test_targets_and_processes_of_zato(pair: tuple[RunningServer, RunningServer]) -> None:
    first, _ = pair
    found = ask(first, "there")
    assert (found["there"], found["label"]) == ("server2", "server2")
    assert set(found["processes"]) == {str(process.pid) for process in first.workers()}
    for pid, answer in found["processes"].items():
        assert answer["is_ok"] and answer["pid_data"]["pid"] == int(pid)


def test_a_worker_that_is_killed_while_it_is_asked(
    pair: tuple[RunningServer, RunningServer],
) -> None:
    first, second = pair
    note = second.folder / "hangs"
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask, first, "asks-one", {"file": str(note)})
        wait_until(lambda: asking.done() or (note.exists() and note.read_text()), 60)
        assert not asking.done(), asking.result()
        psutil.Process(int(note.read_text())).kill()
        answer = asking.result(150)
    assert answer["code"] == "unavailable"
    assert answer["detail"] == f"worker {answer['worker']} ended while it was asked"
    wait_until(lambda: len(ask(first, "everywhere")) == 3, 60)
