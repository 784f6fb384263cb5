"""What happens to a running cluster, and to a start that cannot succeed: kills, ports in use, broken files, the foreground."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
import requests

from tests.conftest import wait_until

COUNT = """from hansa import Service

class Who(Service):
    def handle(self):
        return {"server": self.server.name, "version": %d}
"""


@pytest.fixture
def cluster(make_cluster):
    made = make_cluster()
    made.create()
    return made


class Load:
    """Some clients that GET one path again and again, and what they got."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self.url, self.answers, self.faults = url, [], []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                try:
                    answer = session.get(self.url, timeout=15)
                    answer.raise_for_status()
                    self.answers.append((time.monotonic(), answer.json()["server"]))
                except requests.RequestException as error:
                    self.faults.append(repr(error))
                time.sleep(0.005)


def test_a_killed_server_is_hidden_and_catches_up_when_started_again(cluster):
    cluster.run("start", cluster.path)
    assert cluster.api("admin.service.deploy", file="count.py", source=COUNT % 1).ok
    assert cluster.api("admin.channel.http.create", name="who", url_path="/who", service="count.who", format="json").ok
    with Load(f"{cluster.front}/who") as load:
        wait_until(lambda: {server for _, server in load.answers} == {"server1", "server2"}, 20, "both servers answer")
        os.kill(cluster.pid("server1"), signal.SIGKILL)
        killed = time.monotonic()
        wait_until(lambda: sum(moment > killed + 2 for moment, _ in load.answers) > 100, 30, "server2 goes on")
        assert {server for moment, server in load.answers if moment > killed + 2} == {"server2"}
        # what changes while it is down
        assert cluster.api("admin.service.deploy", file="count.py", source=COUNT % 2).ok
        again = cluster.run("start", cluster.path)
        assert "removed the file of process" in again.stderr
        assert "kvdb runs already" in again.stdout
        assert "server1 started" in again.stdout
        started = time.monotonic()
        wait_until(lambda: any(server == "server1" for moment, server in load.answers if moment > started), 10)
    assert load.faults == []
    direct = f"http://127.0.0.1:{cluster.base + 10}/who"
    for _ in range(10):
        assert requests.get(direct, timeout=10).json() == {"server": "server1", "version": 2}
    cluster.run("stop", cluster.path)
    assert not cluster.processes()


def test_the_database_of_the_cluster_comes_back_by_itself(cluster):
    cluster.run("start", cluster.path / "kvdb")
    (engine,) = psutil.Process(cluster.pid("kvdb")).children()
    engine.kill()
    wait_until(lambda: [p for p in psutil.Process(cluster.pid("kvdb")).children() if p.pid != engine.pid], 10)
    wait_until(lambda: "Redis connection OK" in cluster.run("check-config", cluster.path / "server1").stdout, 20)
    os.kill(cluster.pid("kvdb"), signal.SIGKILL)
    wait_until(lambda: not cluster.processes(), 10, "the engine ends with what runs it")
    cluster.run("start", cluster.path / "kvdb")
    assert cluster.run("stop", cluster.path / "kvdb").stdout == "[1/1] kvdb stopped\n"
    assert not cluster.processes()


def test_ports_in_use_are_all_told_before_anything_starts(cluster):
    with socket.create_server(("127.0.0.1", cluster.base)), socket.create_server(("127.0.0.1", cluster.base + 11)):
        done = cluster.run("start", cluster.path, check=False)
    assert done.returncode == 18
    for port in (cluster.base, cluster.base + 11):
        assert f"127.0.0.1:{port} is in use by " in done.stderr
        assert f"(process {os.getpid()})" in done.stderr
    assert not cluster.processes()


def test_a_server_that_cannot_start_tells_why_and_the_rest_is_stopped(cluster):
    config = cluster.path / "server2/config.toml"
    config.write_text(config.read_text() + "\n[nonsense]\na = 1\n")
    done = cluster.run("start", cluster.path, check=False)
    assert done.returncode == 18
    assert "server2 ended with status 1 while it started" in done.stderr
    assert "nonsense: unknown section" in done.stderr
    assert "Traceback" not in done.stderr
    assert "server1 started" in done.stdout
    assert not cluster.processes()
    assert not list(cluster.path.glob("*/pidfile"))
    checked = cluster.run("check-config", cluster.path, check=False)
    assert checked.returncode == 15
    assert "nonsense" in checked.stderr
    assert "server1: SQL ODB connection OK" in checked.stdout


def test_a_reused_process_id_is_not_taken_for_a_component(cluster):
    with subprocess.Popen(["sleep", "60"]) as other:
        (cluster.path / "kvdb/pidfile").write_text(f"{other.pid}\n1\n")
        assert cluster.run("stop", cluster.path / "kvdb").stdout == "[1/1] kvdb was not running\n"
        assert other.poll() is None
        (cluster.path / "kvdb/pidfile").write_text(f"{other.pid}\n1\n")
        cluster.run("start", cluster.path / "kvdb")
        cluster.run("stop", cluster.path / "kvdb")
        assert other.poll() is None
        other.kill()


def test_in_the_foreground_it_starts_again_what_ends_and_stops_with_ctrl_c(cluster):
    with open(cluster.folder / "out", "w") as out:
        command = [sys.executable, "-m", "hansa.cli", "start", str(cluster.path), "--fg"]
        process = subprocess.Popen(command, env=cluster.env, stdout=out, stderr=out, start_new_session=True)
    shown = cluster.folder / "out"
    wait_until(lambda: "Ctrl-C stops" in shown.read_text() or process.poll() is not None, 60, "it starts")
    assert process.poll() is None, shown.read_text()
    before = cluster.pid("server2")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: cluster.pid("server2") != before, 20, "it is started again")
    assert "server2 ended with status -9, starting it again" in shown.read_text()
    cluster.run("stop", cluster.path / "server1")  # stays stopped
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, shown.read_text()
    assert not cluster.processes()
    text = shown.read_text()
    assert "Hansa quickstart environment stopped" in text
    assert "server1 ended" not in text


def test_a_foreground_that_is_killed_leaves_nothing(cluster):
    command = [sys.executable, "-m", "hansa.cli", "start", str(cluster.path), "--fg"]
    process = subprocess.Popen(command, env=cluster.env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert any("Ctrl-C stops" in line for line in process.stdout)
    process.kill()
    process.wait()
    process.stdout.close()
    wait_until(lambda: not cluster.processes(), 40, "its components end with it")
    cluster.run("start", cluster.path)
    cluster.run("stop", cluster.path)


def test_what_is_no_component_is_refused(cluster, tmp_path):
    for command in ("start", "stop", "info", "check-config"):
        done = cluster.run(command, tmp_path, check=False)
        assert done.returncode == 3, command
        assert ".hansa-info" in done.stderr
    assert cluster.run("start", cluster.path / "web-admin", check=False).returncode == 3


def test_a_whole_server_killed_under_load_fails_at_most_what_it_had_in_hand(cluster):
    cluster.run("start", cluster.path)
    assert cluster.api("admin.service.deploy", file="count.py", source=COUNT % 1).ok
    assert cluster.api("admin.channel.http.create", name="who", url_path="/who", service="count.who", format="json").ok
    with Load(f"{cluster.front}/who") as load:
        wait_until(lambda: {server for _, server in load.answers} == {"server1", "server2"}, 20, "both servers answer")
        supervisor = psutil.Process(cluster.pid("server1"))
        for process in (supervisor, *supervisor.children(recursive=True)):
            process.kill()
        killed = time.monotonic()
        wait_until(lambda: sum(moment > killed + 2 for moment, _ in load.answers) > 100, 30, "server2 goes on")
    assert len(load.faults) <= 4, load.faults
    cluster.run("stop", cluster.path)
    assert not cluster.processes()
