"""What happens to a running cluster, and to a start that cannot succeed: kills, ports in use,
broken files, the foreground.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from typing import Any

import psutil
import pytest
import requests
from hansa_devkit.harness.server import BIN
from hansa_devkit.harness.waiting import wait_until
from hansa_quickstart.component import open_component
from hansa_quickstart.foreground import Foreground
from hansa_quickstart.launch import Launched
from hansa_quickstart.signals import Termination
from hansa_quickstart.start import Start

from plugins.quickstart.tests.conftest import Cluster

COUNT = """from hansa import Service

class Who(Service):
    def handle(self):
        return {"server": self.server.name, "version": %d}
"""


@pytest.fixture(scope="module")
def created(tmp_path_factory):
    """A cluster that is not started, for all tests that need one."""
    made = Cluster(tmp_path_factory.mktemp("created"))
    made.create()
    made.lighten()
    return made


@pytest.fixture
def cluster(created):
    """The cluster that is not started, as it was created."""
    assert not created.processes()
    config = created.path / "server2/config.toml"
    good = config.read_text()
    yield created
    created.kill()
    config.write_text(good)


@pytest.fixture
def who(running):
    """The address of a service that tells which server and which version answers: version 1."""
    assert running.api("admin.service.deploy", file="count.py", source=COUNT % 1).ok
    channel = {"name": "who", "url_path": "/who", "service": "count.who", "format": "json"}
    assert running.api("admin.channel.http.create", **channel).status_code in (200, 409)
    return f"{running.front}/who"


class Load:
    """Some clients that GET one path again and again, and what they got."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self.url = url
        self.answers: list[Any] = []
        self.faults: list[Any] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        wait_until(
            lambda: {server for _, server in self.answers} == {"server1", "server2"},
            20,
            "both servers answer",
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def servers_after(self, moment: float, count: int = 100) -> set[str]:
        """Who answers from a moment on, of so many requests at least."""
        wait_until(
            lambda: sum(at > moment for at, _ in self.answers) > count, 30, "requests are answered"
        )
        return {server for at, server in self.answers if at > moment}

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


@pytest.mark.proof
def test_a_killed_server_is_hidden_and_catches_up_when_started_again(running, who):
    with Load(who) as load:
        os.kill(running.pid("server1"), signal.SIGKILL)
        assert load.servers_after(time.monotonic() + 2) == {"server2"}
        # what changes while it is down
        assert running.api("admin.service.deploy", file="count.py", source=COUNT % 2).ok
        again = running.run("start", running.path)
        assert "removed the pidfile of process" in again.stderr
        assert "kvdb is already running" in again.stdout
        assert "server1 started" in again.stdout
        started = time.monotonic()
        wait_until(
            lambda: any(server == "server1" for moment, server in load.answers if moment > started),
            10,
        )
    assert load.faults == []
    direct = f"http://127.0.0.1:{running.base + 10}/who"
    for _ in range(10):
        assert requests.get(direct, timeout=10).json() == {"server": "server1", "version": 2}


@pytest.mark.evidence("kills")
@pytest.mark.proof
def test_a_whole_server_killed_under_load_fails_at_most_what_it_had_in_hand(running, who):
    with Load(who) as load:
        supervisor = psutil.Process(running.pid("server1"))
        for process in (supervisor, *supervisor.children(recursive=True)):
            process.kill()
        assert load.servers_after(time.monotonic() + 2) == {"server2"}
    assert len(load.faults) <= 4, load.faults


def test_a_copy_of_a_server_is_refused_while_the_other_runs(running):
    copy = running.folder / "copy"
    shutil.copytree(running.path / "server2", copy, ignore=shutil.ignore_patterns("run", "pidfile"))
    command = (
        "server",
        "run",
        "--config",
        copy / "config.toml",
        "--dir",
        copy,
        "--http",
        "127.0.0.1:0",
    )
    done = running.run(*command, check=False)
    assert done.returncode == 1
    assert "server.name: a server named server2 runs in the cluster quickstart-" in done.stderr
    assert f"(process {running.pid('server2')}): each needs its own name" in done.stderr
    config = copy / "config.toml"
    config.write_text(config.read_text().replace('name = "server2"', 'name = "server3"'))
    with open(running.folder / "server3.out", "w") as out:
        third = subprocess.Popen(
            [BIN / "hansa", *map(str, command)], env=running.env, stdout=out, stderr=out
        )
    try:
        names = [
            server["name"]
            for server in wait_until(lambda: three(running), 60, "the third server is there")
        ]
        assert names == ["server1", "server2", "server3"]
    finally:
        third.terminate()
        assert third.wait(60) == 0


def three(cluster):
    """The servers of the cluster, if they are three and ready."""
    found = cluster.api("admin.cluster.status").json()["servers"]
    return found if [server["state"] for server in found] == ["ready"] * 3 else []


def test_ports_in_use_are_all_told_before_anything_starts(cluster):
    with (
        socket.create_server(("127.0.0.1", cluster.base)),
        socket.create_server(("127.0.0.1", cluster.base + 11)),
    ):
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


def test_one_component_and_a_process_id_that_was_used_again(cluster, tmp_path):
    kvdb = cluster.path / "kvdb"
    with subprocess.Popen(["sleep", "60"]) as other:
        (kvdb / "pidfile").write_text(f"{other.pid}\n1\n")
        assert cluster.run("stop", kvdb).stdout == "[1/1] kvdb was not running\n"
        (kvdb / "pidfile").write_text(f"{other.pid}\n1\n")
        cluster.run("start", kvdb)
        assert other.poll() is None
        other.kill()
    # its engine comes back by itself, and ends with what runs it
    (engine,) = psutil.Process(cluster.pid("kvdb")).children()
    engine.kill()
    wait_until(
        lambda: [p for p in psutil.Process(cluster.pid("kvdb")).children() if p.pid != engine.pid],
        10,
    )
    wait_until(
        lambda: (
            "Redis connection OK" in cluster.run("check-config", cluster.path / "server1").stdout
        ),
        20,
    )
    os.kill(cluster.pid("kvdb"), signal.SIGKILL)
    wait_until(lambda: not cluster.processes(), 10, "the engine ends with what runs it")
    cluster.run("start", kvdb)
    assert cluster.run("stop", kvdb).stdout == "[1/1] kvdb stopped\n"
    assert not cluster.processes()
    # and what is none is refused
    for command in ("start", "stop", "info", "check-config"):
        done = cluster.run(command, tmp_path, check=False)
        assert done.returncode == 3, command
        assert ".hansa-info" in done.stderr
    # the web admin goes on without any server
    web_admin = cluster.path / "web-admin"
    cluster.run("start", web_admin)
    assert requests.get(f"{cluster.admin}/login", timeout=10).ok
    assert cluster.run("stop", web_admin).stdout == "[1/1] Web admin stopped\n"


def test_the_web_admin_of_a_cluster_of_an_earlier_version_has_no_process(cluster):
    web_admin = cluster.path / "web-admin"
    config = (web_admin / "config.toml").read_bytes()
    (web_admin / "config.toml").unlink()
    try:
        assert cluster.run("start", web_admin, check=False).returncode == 3
        assert "server2 started" in cluster.run("start", cluster.path).stdout
        assert not (web_admin / "pidfile").exists()
        cluster.run("stop", cluster.path)
    finally:
        (web_admin / "config.toml").write_bytes(config)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_an_object_being_finalised_swallows_ends_a_start_all_the_same(cluster):
    class Closing:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)

    start, handlers = Start(open_component(cluster.path), foreground=True), {}
    for number in (signal.SIGINT, signal.SIGTERM):
        handlers[number] = signal.getsignal(number)
    try:
        start.termination.interrupt()
        Closing()
        with pytest.raises(KeyboardInterrupt):
            start.meanwhile()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_what_keeps_ending_is_started_ever_later(cluster, monkeypatch, capsys):
    now, began = [1000.0], []
    ended = subprocess.Popen(["false"])
    ended.wait()

    def launch(part, *, ends_with_us):
        assert ends_with_us
        began.append(now[0])
        return Launched(ended, now[0])

    monkeypatch.setattr("hansa_quickstart.foreground.launch", launch)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    part = open_component(cluster.path / "load-balancer")
    part.pidfile.touch()
    launched = {part: Launched(ended, 0.0)}
    foreground = Foreground(open_component(cluster.path), launched, Termination())

    def again(ran: float) -> float:
        """Seconds until it is started again, having run for so long."""
        launched[part] = Launched(ended, now[0] - ran)
        before, count = now[0], len(began)
        while len(began) == count:
            foreground.look_after(part)
            now[0] += 0.1
        return round(began[-1] - before, 1)

    try:
        assert [again(1) for _ in range(8)] == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10]
        assert again(11) == 0, "it had run well"
        assert again(1) == 0.2
        told = capsys.readouterr().err
        assert "Load-balancer ended with status 1, starting it again in 3.2 s" in told
        part.forget()
        foreground.look_after(part)
        assert not launched
    finally:
        part.forget()


def test_a_server_that_had_served_is_started_again_at_once(cluster, monkeypatch, capsys):
    ended = subprocess.Popen(["false"])
    ended.wait()
    monkeypatch.setattr(
        "hansa_quickstart.foreground.launch", lambda part, **options: Launched(ended, 0.0)
    )
    part = open_component(cluster.path / "server1")
    part.pidfile.touch()
    record = part.folder / "run" / "server.json"
    record.parent.mkdir(exist_ok=True)
    foreground = Foreground(
        open_component(cluster.path), {part: Launched(ended, 0.0)}, Termination()
    )
    try:
        for workers in ({"workers": 2}, {"workers": 2}, {}):
            record.write_text(json.dumps({"pid": ended.pid, **workers}))
            os.utime(record, (time.time() - 2, time.time() - 2))
            foreground.look_after(part)
        pauses = re.findall(r"starting it again in (.*) s", capsys.readouterr().err)
        assert pauses == ["0", "0", "0.2"]
    finally:
        part.forget()
        record.unlink()


def test_in_the_foreground_it_starts_again_what_ends_and_leaves_nothing(cluster, foreground):
    command = foreground(cluster, "start", cluster.path, "--fg").started()
    before = cluster.pid("server2")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: cluster.pid("server2") != before, 20, "it is started again")
    assert "server2 ended with status -9, starting it again" in command.text
    cluster.run("stop", cluster.path / "server1")  # stays stopped
    text = command.interrupt()
    assert not cluster.processes()
    assert "Hansa quickstart environment stopped" in text
    assert "server1 ended" not in text

    killed = foreground(cluster, "start", cluster.path, "--fg")
    wait_until(lambda: "Load-balancer started" in killed.text, 60)
    killed.process.kill()
    wait_until(lambda: not cluster.processes(), 40, "its components end with it")
