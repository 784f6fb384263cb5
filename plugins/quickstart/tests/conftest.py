"""Clusters on free ports, made and steered from outside by commands, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from hansa_devkit.harness.api_server import all_but
from hansa_devkit.harness.forked import ForkedCommand, can_be_forked
from hansa_devkit.harness.ports import free_ports
from hansa_devkit.harness.processes import MARK, kill_all, marked
from hansa_devkit.harness.server import BIN, clean_environment
from hansa_devkit.harness.waiting import wait_until

from tests.parallel import Shared


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that start whole clusters the time that they need on a slow machine."""
    here = str(Path(__file__).parent)
    for item in items:
        if os.path.dirname(item.path) == here and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(400))


def light_plugins() -> str:
    """A section of config.toml that leaves out the plugins that no test of a cluster is about."""
    blocked = all_but(["loadbalancer", "pickup", "quickstart", "redis", "zato"])
    return f"\n[plugins]\nblocked = {blocked!r}\n"


class Cluster:
    """A cluster under test: `path`, the ports, and what its commands do.

    They are forked, as what they start is, from a process that has imported everything: two thirds of
    the processor's time of a start. Proofs run `forked = False`, the programs themselves.
    """

    forked = True

    def __init__(self, folder: Path, program: str = "hansa") -> None:
        self.folder, self.path, self.program = folder, folder / "qs-1", program
        self.base = free_ports(12)  # of which it uses the first four, and two from the tenth on
        self.mark = uuid.uuid4().hex
        self.env = clean_environment(NO_COLOR="1") | {MARK: self.mark}
        self.front, self.admin = (
            f"http://127.0.0.1:{self.base}",
            f"http://127.0.0.1:{self.base + 1}",
        )

    def run(
        self, *words: str | Path, check: bool = True, timeout: float = 240
    ) -> subprocess.CompletedProcess[str]:
        """Run the command."""
        if not self.forked or self.program != "hansa" or not can_be_forked(self.env):
            return self.execute(BIN / self.program, *words, check=check, timeout=timeout)
        with tempfile.TemporaryDirectory() as folder:
            files = (Path(folder) / "output", Path(folder) / "errors")
            command = ForkedCommand([*map(str, words)], self.folder, self.env, *files)
            output, errors = command.communicate(timeout)
        return self._done(subprocess.CompletedProcess(words, command.wait(), output, errors), check)

    def execute(
        self, *command: str | Path, check: bool = True, timeout: float = 240
    ) -> subprocess.CompletedProcess[str]:
        """Run any program as the owner of the cluster."""
        done = subprocess.run(
            [*map(str, command)],
            env=self.env,
            cwd=self.folder,
            text=True,
            capture_output=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
        return self._done(done, check)

    def _done(
        self, done: subprocess.CompletedProcess[str], check: bool
    ) -> subprocess.CompletedProcess[str]:
        """Return what a program has done; raises `AssertionError` if it was to `check` that."""
        if check:
            assert done.returncode == 0, (
                f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
            )
        return done

    def create(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Create it on its ports."""
        return self.run("quickstart", "create", self.path, *words, "--base_port", str(self.base))

    def lighten(self, workers: int = 1) -> None:
        """Have each of its servers run one worker, with the plugins that a cluster is about: a
        third of the time to start, where more show nothing more.
        """
        for config in self.path.glob("server*/config.toml"):
            text = config.read_text()
            assert "workers = 2" in text
            text = text.replace("workers = 2", f"workers = {workers}")
            config.write_text(text + light_plugins())

    @property
    def password(self) -> str:
        """The admin's."""
        return (self.path / "admin.password").read_text().strip()

    def api(self, service: str, /, **settings: Any) -> requests.Response:
        """Call an admin service at the port of the web admin."""
        url = f"{self.admin}/hansa/api/{service}"
        return requests.post(url, json=settings, auth=("admin", self.password), timeout=60)

    def log(self, server: str) -> str:
        """A server's log."""
        file = self.path / server / "logs/server.log"
        return file.read_text() if file.exists() else ""

    def logs(self) -> str:
        """The end of every log."""
        files = sorted(self.path.glob("*/logs/*"))
        return "\n".join(
            f"--- {file}\n{file.read_text(errors='replace')[-1500:]}" for file in files
        )

    def processes(self) -> list[psutil.Process]:
        """Every process of it that is alive."""
        return marked(self.mark, self.path)

    def pid(self, part: str) -> int:
        """The process id of a component."""
        return int((self.path / part / "pidfile").read_text().split()[0])

    def kill(self) -> None:
        """End every process of it at once."""
        kill_all(self.processes())
        wait_until(lambda: not self.processes(), 10, "its processes end")


class Foreground:
    """A command of a cluster that stays in the foreground, as in a terminal; `shown` is the file of
    what it prints.
    """

    def __init__(self, cluster: Cluster, *words: str | Path) -> None:
        self.shown = cluster.folder / f"out-{uuid.uuid4().hex}"
        with open(self.shown, "w") as out:
            self.process = subprocess.Popen(
                [BIN / cluster.program, *map(str, words)],
                env=cluster.env,
                cwd=cluster.folder,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """What it has printed."""
        return self.shown.read_text()

    def started(self) -> Foreground:
        """Wait until it says that everything runs."""
        wait_until(
            lambda: "Ctrl-C stops" in self.text or self.process.poll() is not None, 60, "it starts"
        )
        assert self.process.poll() is None, self.text
        return self

    def interrupt(self) -> str:
        """Ctrl-C; gives all that it printed."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.text
        return self.text


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Make clusters; whatever a test leaves of them is ended."""
    made: list[Cluster] = []

    def make(program: str = "hansa") -> Cluster:
        made.append(Cluster(tmp_path / f"c{len(made)}", program))
        made[-1].folder.mkdir()
        return made[-1]

    yield make
    for cluster in made:
        cluster.kill()


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Cluster]:
    """Run a cluster; it is stopped, and looked after, at the end."""
    cluster = Cluster(folder)
    try:
        cluster.create()
        cluster.lighten()
        cluster.run("start", cluster.path)
        yield cluster
        cluster.run("stop", cluster.path)
        assert not cluster.processes()
        assert not list(cluster.path.glob("*/pidfile"))
    finally:
        cluster.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, of_unit: Shared) -> Cluster:
    """One cluster for all tests that need one which runs."""
    return of_unit.get("cluster", lambda: started(tmp_path_factory.mktemp("shared")))


@pytest.fixture
def running(shared: Cluster) -> Cluster:
    """The shared cluster, with everything that a test before may have ended started again."""
    shared.run("start", shared.path, check=False)
    wait_until(lambda: _all_ready(shared), 60, "all servers are ready")
    return shared


def _all_ready(cluster: Cluster) -> bool:
    balanced = {
        server["name"]: server["status"]
        for server in cluster.api("admin.loadbalancer.servers").json()["items"]
    }
    found = {
        server["name"]: server["state"]
        for server in cluster.api("admin.cluster.status").json()["servers"]
    }
    return all(
        balanced[name].startswith("UP") and found.get(name) == "ready"
        for name in ("server1", "server2")
    )


@pytest.fixture
def foreground() -> Iterator[Callable[..., Foreground]]:
    """Run commands in the foreground; what is left of one is killed."""
    made: list[Foreground] = []

    def run(cluster: Cluster, *words: str | Path) -> Foreground:
        made.append(Foreground(cluster, *words))
        return made[-1]

    yield run
    for each in made:
        each.process.kill()
        each.process.wait()
