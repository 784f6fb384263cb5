"""A cluster from its start on: no call is refused once one was answered, what is killed is back at
once, and a server without the cluster's key is none of it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from hansa_devkit.harness.processes import workers_of
from hansa_devkit.harness.waiting import wait_until

from plugins.quickstart.tests.conftest import Cluster, Foreground
from tests.cluster.running import SERVERS, within

ROUNDS = 2
BACK = 10.0
"""Seconds until all servers serve after all were killed; most of it is the start of four workers."""


class Calls:
    """Calls of `/hansa/ping` by the load-balancer, one after the other: `answers` has their statuses,
    0 for none.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.answers: list[int] = []
        self._url = f"{cluster.front}/hansa/ping"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Calls:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.01):
            status = 0
            with contextlib.suppress(requests.RequestException):
                status = requests.get(self._url, timeout=10).status_code
            self.answers.append(status)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("start"))
    made.forked = False
    made.create()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def answers(cluster: Cluster) -> Iterator[list[int]]:
    """The answers to calls while the cluster starts, and for two seconds more."""
    with Calls(cluster) as calls:
        command = Foreground(cluster, "start", cluster.path, "--fg").started()
        time.sleep(2)
    yield calls.answers
    command.interrupt()
    assert not cluster.processes()


def ready(cluster: Cluster, server: str) -> requests.Response | None:
    """What a server itself says of its readiness; None if it does not answer."""
    url = f"http://127.0.0.1:{cluster.base + 10 + SERVERS.index(server)}/hansa/ready"
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=5, headers={"Connection": "close"})
    return None


def serves(cluster: Cluster, server: str, before: int) -> bool:
    """Whether a new process of a server serves with all its workers."""
    record = cluster.path / server / "run" / "server.json"
    with contextlib.suppress(OSError, ValueError):
        about = json.loads(record.read_text())
        answer = ready(cluster, server)
        is_new = about["pid"] == cluster.pid(server) != before
        return is_new and "workers" in about and answer is not None and answer.ok
    return False


def test_from_the_first_answer_on_none_is_refused(answers: list[int]):
    assert 200 in answers
    later = answers[answers.index(200) :]
    print(f"{len(later)} calls after the first answer")
    assert len(later) > 50
    assert set(later) == {200}


def test_servers_that_are_killed_are_back_at_once(cluster: Cluster, answers: list[int]):
    assert answers
    seconds: list[float] = []
    for _ in range(ROUNDS):
        before = {server: cluster.pid(server) for server in SERVERS}
        killed = [*before.values(), *(w.pid for pid in before.values() for w in workers_of(pid))]
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        for server, pid in before.items():
            wait_until(lambda s=server, p=pid: serves(cluster, s, p), 60, f"{server} serves")
        seconds.append(round(time.monotonic() - began, 1))
        time.sleep(1.2)
    print(f"all servers serve after {seconds} s")
    assert within(seconds, BACK)


def test_a_server_without_the_key_of_its_cluster_is_none_of_it(
    cluster: Cluster, answers: list[int]
):
    assert answers
    key: Path = cluster.path / "server2" / "secret.key"
    kept = key.read_text()
    pid = cluster.pid("server2")
    assert cluster.run("check-config", cluster.path).returncode == 0
    key.unlink()
    lost = cluster.run("check-config", cluster.path, check=False)
    assert lost.returncode == 15
    assert f"{key} is missing: restore it from a backup" in lost.stderr
    key.write_text(base64.urlsafe_b64encode(os.urandom(32)).decode())
    wrong = cluster.run("check-config", cluster.path, check=False)
    assert wrong.returncode == 15
    assert "not the one of this cluster" in wrong.stderr
    psutil.Process(pid).kill()
    wait_until(lambda: "not the one of this cluster" in cluster.log("server2"), 30)
    answer = ready(cluster, "server2")
    assert answer is None or not answer.ok
    key.write_text(kept)
    wait_until(lambda: serves(cluster, "server2", pid), 60, "it serves with the right one")
