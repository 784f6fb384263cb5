"""What the tests of core share: a tiny format, an ODB in a file, throw-away plugins, and waiting for conditions."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hansa.contract.kinds import Format
from hansa.definitions.store import Store
from hansa.foundation.errors import Invalid
from hansa.odb.migrations.schema import create_schema
from hansa.odb.tables import open_engine
from hansa.settings.model import Model, dump, load


class Plain(Format):
    """JSON by the standard library, enough of it to look at what a route does with a format."""

    type = "plain"
    content_types = ("application/x-plain",)

    def parse(self, raw: bytes, model: Any = None) -> Any:
        try:
            data = json.loads(raw)
        except ValueError as error:
            raise Invalid(f"not JSON: {error}") from None
        return (
            load(model, data, unknown=False)
            if isinstance(model, type) and issubclass(model, Model)
            else data
        )

    def render(self, value: Any, model: Any = None) -> bytes:
        try:
            return json.dumps(value, default=dump).encode()
        except (TypeError, ValueError) as error:
            raise Invalid(f"cannot be written: {error}") from None

    def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
        return json.dumps(
            {"failed": str(error) if isinstance(error, Invalid) else "", "cid": cid}
        ).encode(), "x/error"


@pytest.fixture(scope="session")
def plain() -> type[Format]:
    """A format."""
    return Plain


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store over an SQLite file."""
    engine = open_engine(f"sqlite:///{tmp_path / 'odb.sqlite'}")
    create_schema(engine)
    yield Store(engine, b"key")
    engine.dispose()


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Ask a condition every 5 ms until it is true, and give what it gave; fails after some seconds."""

    def until(condition: Callable[[], Any], seconds: float = 15, what: str = "") -> Any:
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s: {what or condition}")
            time.sleep(0.01)
        return answer

    return until


def plugin_maker(top: Path) -> Callable[..., str]:
    """What makes installed-looking distributions of one plugin in a folder, and gives the folder, for PYTHONPATH."""

    def make(
        name: str, full: str | None = None, early: str | None = None, *, distribution: str = ""
    ) -> str:
        folder = top / "plugins"
        distribution = distribution or f"hansa-{name}"
        package = folder / f"{distribution.replace('-', '_')}_code"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("")
        entries = ""
        for group, module, source in (("hansa", "plugin", full), ("hansa.early", "early", early)):
            if source is not None:
                text = "from hansa import *\nfrom hansa import hookimpl\n" + textwrap.dedent(source)
                (package / f"{module}.py").write_text(text)
                entries += f"[{group}]\n{name} = {package.name}.{module}\n"
        info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(entries)
        return str(folder)

    return make


@pytest.fixture
def make_plugin(tmp_path: Path) -> Callable[..., str]:
    """Make a throw-away plugin: `full` and `early` are the sources of its modules, which have all of hansa imported."""
    return plugin_maker(tmp_path)


EARLY = """
    import os, socket
    @hookimpl
    def hansa_listen(config):
        return {"probe": socket.create_server(("127.0.0.1", 0), backlog=200)}
    @hookimpl
    def hansa_ready(config):
        return ["probe is ready"]
"""
FULL = '''
    """Lets a test call the facade of a worker: one line of JSON in, one out."""
    import gc, json, os, threading, time
    from hansa.runtime import objects

    objects.START_WAIT = 1.0

    running, ended = [], threading.Event()

    class Journal(Model):
        file: str
        tag: str = ""
        hang: bool = False

    class JournalOutgoing(Outgoing):
        type, Config = "journal", Journal
        def write(self, event):
            with open(self.config.file, "a") as file:
                file.write(f"{event} {self.config.tag} {self.server.worker}\\n")
        def start(self):
            self.write("start")
            if self.config.hang:
                time.sleep(120)
        def stop(self):
            self.write("stop")
        def ping(self):
            return "pong"

    class ProbeChannel(Channel):
        type = "probe"

    class Pid(Service):
        name = "probe.pid"
        def handle(self):
            return [os.getpid(), self.server.worker]

    class Sleep(Service):
        name = "probe.sleep"
        def handle(self):
            time.sleep(self.request.input)
            return os.getpid()

    def answer(server, line):
        call = json.loads(line)
        try:
            if call["name"] == "alive":
                gc.collect()
                modules = [value.__module__ for value in gc.get_objects() if isinstance(value, type)]
                found = [name for name in modules if str(name).startswith(call["arguments"][0])]
            elif call["name"] == "test":
                made = server.make(*call["arguments"])
                try:
                    made.start()
                    found = made.ping()
                finally:
                    made.stop()
            elif call["name"] == "ping":
                found = server.object(*call["arguments"]).ping()
            elif call["name"] == "about":
                found = {"ready": server.ready, "closing": server.closing, "environment": dict(os.environ), "id": server.id}
            elif call["name"] == "log_action":
                found = server.announce(server.store.log_action(*call["arguments"]), wait=False)["revision"]
            else:
                found = getattr(server, call["name"])(*call["arguments"], **call["options"])
            return {"answer": found, "worker": server.worker, "pid": os.getpid()}
        except BaseException as error:
            return {"error": type(error).__name__, "detail": str(error), "worker": server.worker, "pid": os.getpid()}

    def serve(server, connection):
        running.append(connection)
        with connection, connection.makefile("rwb") as stream:
            line = stream.readline()
            if line:
                stream.write(json.dumps(answer(server, line), default=str).encode() + b"\\n")
        running.remove(connection)

    def accept(server, listening):
        listening.settimeout(0.02)
        while not ended.is_set():
            try:
                connection, _ = listening.accept()
            except (TimeoutError, OSError):
                continue
            connection.settimeout(60)
            threading.Thread(target=serve, args=(server, connection), daemon=True).start()
        listening.close()
        running.remove(listening)

    @hookimpl
    def hansa_transports():
        return [JournalOutgoing, ProbeChannel]
    @hookimpl
    def hansa_services():
        return [Pid, Sleep]
    @hookimpl
    def hansa_serve(server):
        running.append(server.sockets["probe"])
        threading.Thread(target=accept, args=(server, server.sockets["probe"])).start()
    @hookimpl
    def hansa_drain(server):
        ended.set()
        while running:
            time.sleep(0.005)
        with open(server.dir / "drained", "a") as file:
            file.write(f"{server.worker} {server.closing}\\n")
'''


class Failure(Exception):
    """What a worker answered instead of an answer."""


class ProbedServer:
    """A real server whose only plugin lets a test call any method of a worker's facade."""

    def __init__(
        self, folder: Path, path: str, text: str, workers: int, environment: dict[str, str]
    ) -> None:
        self.folder, self.dir, self.mark = folder, folder / "var", f"{folder}:{time.monotonic()}"
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(text)
        command = [sys.executable, "-m", "hansa", "server", "run", "--workers", str(workers)]
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "HANSA_TEST_MARK": self.mark,
            **environment,
        }
        self.before = len(self.output()) if (folder / "output").exists() else 0
        with open(folder / "output", "ab") as output:
            streams: Any = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, start_new_session=True, **streams
            )

    def output(self) -> str:
        """All it has printed."""
        return (self.folder / "output").read_text()

    def wait_ready(self) -> ProbedServer:
        """Wait until all workers serve."""
        deadline = time.monotonic() + 40
        while not re.search(r"runs with \d+ workers", self.output()[self.before :]):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"the server did not start:\n{self.output()[-3000:]}")
            time.sleep(0.01)
        return self

    def raw(self, name: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Call a method of any worker's facade and give all it told."""
        host, port = (
            json.loads((self.dir / "run/server.json").read_text())["probe"]
            .removeprefix("probe://")
            .split(":")
        )
        with (
            socket.create_connection((host, int(port)), timeout=60) as connection,
            connection.makefile("rwb") as stream,
        ):
            stream.write(
                json.dumps({"name": name, "arguments": arguments, "options": options}).encode()
                + b"\n"
            )
            stream.flush()
            found: dict[str, Any] = json.loads(stream.readline())
            return found

    def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of any worker's facade; raises `Failure`."""
        found = self.raw(name, *arguments, **options)
        if "error" in found:
            raise Failure(f"{found['error']}: {found['detail']}")
        return found["answer"]

    def processes(self) -> list[psutil.Process]:
        """All processes of it that are alive, wherever they were moved to."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if (
                    process.status() != "zombie"
                    and process.environ().get("HANSA_TEST_MARK") == self.mark
                ):
                    found.append(process)
        return found

    def workers(self) -> list[psutil.Process]:
        """Its worker processes, as long as the supervisor lives."""
        found = []
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self.process.pid).children():
                with contextlib.suppress(psutil.Error):
                    if process.status() != "zombie" and "hansa.process.worker" in " ".join(
                        process.cmdline()
                    ):
                        found.append(process)
        return found

    def stop(self, number: int = signal.SIGTERM, seconds: float = 20) -> int:
        """Ask it to end; gives the exit status. Nothing may be left."""
        self.process.send_signal(number)
        status = self.process.wait(seconds)
        left = self.processes()
        assert not left, f"left behind: {left}"
        return status

    def kill(self) -> None:
        """End everything of it at once."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def start_probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ProbedServer]]:
    """Start servers with the probe as their only plugin, or with others; killed at the end if they still run."""
    started: list[ProbedServer] = []
    folder = tmp_path_factory.mktemp("probed")
    make = plugin_maker(folder)
    path = make("probe", FULL, EARLY)

    def start(
        text: str = "",
        *,
        workers: int = 1,
        plugins: tuple[str, ...] = (),
        more: str = "",
        wait: bool = True,
        at: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> ProbedServer:
        if "[plugins]" not in text:
            text += f"\n[plugins]\nenabled = {['probe', *plugins]!r}\n"
        where = at or folder / f"server{len(started)}"
        server = ProbedServer(where, f"{path}:{more}", text, workers, env or {})
        started.append(server)
        return server.wait_ready() if wait else server

    yield start
    for server in started:
        server.kill()
