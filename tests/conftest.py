"""Real servers for tests: each a `hansa server run` of its own, on a free port, with its own folder, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

TOP = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
MARK = "HANSA_TEST_MARK"  # in the environment of a server and so of all its processes
PATIENCE = (
    3.0  # how many times slower than where the limits were set, or how busy, a machine may be
)


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], seconds: float = 20, what: str = "") -> Any:
    """The first true answer of a condition asked every 20 ms; fails when there is none in `PATIENCE` times as many seconds.

    A test of how long something takes measures it, and compares what it measured.
    """
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds * PATIENCE:g} s: {what or condition}")
        time.sleep(0.02)


def marked(mark: str, folder: Path) -> list[psutil.Process]:
    """The living processes with a mark in their environment, or that work below a folder: Valkey overwrites its environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            ours = process.environ().get(MARK) == mark or Path(process.cwd()).is_relative_to(folder)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


class ApiError(Exception):
    """An answer of the admin API that is no success: `status` and the problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status}: {problem}")
        self.status, self.problem = status, problem


class RunningServer:
    """One server under test. `dir` is its folder, `url` where clients reach it; `api`, `cli`, `get` and `post` talk to it."""

    def __init__(
        self,
        folder: Path,
        config: str = "",
        *,
        workers: int = 2,
        port: int = 0,
        env: dict[str, str] | None = None,
    ) -> None:
        self.folder, self.dir = folder, folder / "var"
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "config.toml"
        if not self.config.exists():
            self.config.write_text(config)
        self.workers = workers
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.password = uuid.uuid4().hex
        self.env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.mark = ""

    def launch(self) -> RunningServer:
        """Start the process without waiting for it."""
        self.mark = uuid.uuid4().hex
        command = [
            str(BIN / "hansa"),
            "server",
            "run",
            "--config",
            str(self.config),
            "--http",
            f"127.0.0.1:{self.port}",
        ]
        command += ["--dir", str(self.dir), "--workers", str(self.workers)]
        environment = {**self.env, MARK: self.mark, "HANSA_ADMIN_PASSWORD": self.password}
        with open(self.folder / "output.log", "ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def start(self, seconds: float = 40) -> RunningServer:
        """Start, and wait until it is ready."""
        self.launch()
        assert self.process is not None

        def ready() -> bool:
            if self.process and self.process.poll() is not None:
                pytest.fail(
                    f"the server ended with {self.process.returncode}:\n{self.log()[-5000:]}"
                )
            return self.ready()

        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                log = self.log()[-5000:]
                self.kill()
                pytest.fail(f"not ready within {seconds} s:\n{log}")
            time.sleep(0.02)
        return self

    def ready(self) -> bool:
        """Whether it says that it is."""
        with contextlib.suppress(requests.RequestException):
            return requests.get(self.url + "/hansa/ready", timeout=5).status_code == 200
        return False

    def log(self) -> str:
        """Everything it has written so far: what it printed and the files of its log folder."""
        texts = [(self.folder / "output.log").read_text(errors="replace")]
        texts += [file.read_text(errors="replace") for file in sorted(self.dir.glob("log*/*"))]
        return "\n".join(texts)

    def api(self, service: str, payload: dict[str, Any] | None = None, /, **settings: Any) -> Any:
        """Call an admin service; raises `ApiError`."""
        response = requests.post(
            f"{self.url}/hansa/api/{service}",
            json={**(payload or {}), **settings},
            auth=("admin", self.password),
            timeout=60,
        )
        if not response.ok:
            raise ApiError(response.status_code, response.json())
        return response.json() if response.content else None

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the `hansa` command against this server."""
        environment = {
            **self.env,
            "HANSA_SERVER": self.url,
            "HANSA_ADMIN_PASSWORD": self.password,
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            [str(BIN / "hansa"), *arguments],
            env=environment,
            cwd=self.folder,
            text=True,
            capture_output=True,
            timeout=60,
        )
        if check:
            assert done.returncode == 0, (
                f"hansa {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def post(self, path: str, data: Any = None, **options: Any) -> requests.Response:
        """POST to a channel: text and bytes as they are, anything else as JSON."""
        if data is not None and not isinstance(data, str | bytes):
            data = json.dumps(data)
        return requests.post(
            self.url + path, data=data, timeout=options.pop("timeout", 30), **options
        )

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET from a channel."""
        return requests.get(self.url + path, timeout=options.pop("timeout", 30), **options)

    def deploy(self, file: str, source: str) -> dict[str, Any]:
        """Deploy a source through the admin API."""
        answer: dict[str, Any] = self.api("admin.service.deploy", file=file, source=source)
        return answer

    def processes(self) -> list[psutil.Process]:
        """Every process of this server that is alive, wherever it was moved to."""
        return marked(self.mark, self.dir)

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor alone."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, seconds: float = 40) -> None:
        """End it by SIGTERM and see that it ended well and left no process."""
        if self.process is None:
            return
        ended = self.process.poll() is not None  # the test has seen to it
        self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            log = self.log()[-5000:]
            self.kill()
            pytest.fail(f"did not end within {seconds} s of SIGTERM:\n{log}")
        self.process = None
        left = self.processes()
        self.kill()
        assert not left, f"processes were left behind: {left}"
        assert ended or code == 0, f"ended with {code}:\n{self.log()[-3000:]}"

    def kill(self) -> None:
        """End every process of it at once."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def install_plugin(folder: Path, name: str, source: str) -> None:
    """Lay out a plugin the way an installer does: a module, and the metadata with its entry point."""
    (folder / f"hansa_{name}.py").write_text(
        f'"""A plugin."""\nfrom hansa import Outgoing, hookimpl\n{source}'
    )
    info = folder / f"hansa_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: hansa-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[hansa]\n{name} = hansa_{name}\n")


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[Callable[..., RunningServer]]:
    """A factory of servers that are stopped, and looked after, at the end."""
    made: list[RunningServer] = []

    def make(config: str = "", *, start: bool = True, **options: Any) -> RunningServer:
        server = RunningServer(folder / f"server{len(made) + 1}", config, **options)
        made.append(server)
        return server.start() if start else server

    try:
        yield make
    except BaseException:
        for server in made:
            server.kill()
        raise
    for server in made:
        server.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Make servers for one test."""
    with servers(tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def start_shared_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., RunningServer]]:
    """Make servers for a whole file of tests."""
    with servers(tmp_path_factory.mktemp("servers")) as make:
        yield make


@pytest.fixture(scope="session")
def start_program() -> Iterator[Callable[..., str]]:
    """Start a Python program in a process of its own; gives the first line that it prints, such as its URL."""
    started: list[subprocess.Popen[str]] = []

    def make(program: Path, *options: str) -> str:
        process = subprocess.Popen(
            [sys.executable, str(program), *options], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield make
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def start_feed(start_program: Callable[..., str]) -> Callable[..., str]:
    """Start the treasury feed; gives its URL."""
    return lambda *options: start_program(TOP / "examples/treasury/feed.py", *options)


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of examples."""
    return TOP / "examples"


@pytest.fixture(scope="session")
def wait() -> Callable[..., Any]:
    """Wait for a condition."""
    return wait_until


@pytest.fixture(scope="session")
def api_error() -> type[ApiError]:
    """The exception that `server.api` raises."""
    return ApiError
