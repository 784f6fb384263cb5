"""What the tests of core share: a tiny format, an ODB in a file, throw-away plugins, and waiting
for conditions.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hansa.contract.kinds import Format
from hansa.foundation.errors import Invalid
from hansa.settings.model import Model
from hansa.settings.validate import dump, load
from hansa_devkit.harness.distribution import install_plugin
from hansa_devkit.harness.server import ServerProcess
from hansa_devkit.harness.waiting import wait_until

from tests.core.stores import Stores


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
def store(tmp_path: Path) -> Iterator[Stores]:
    """Everything that an ODB holds, in an SQLite file."""
    stores = Stores.new(tmp_path / "odb.sqlite")
    yield stores
    stores.engine.dispose()


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Wait for a condition, and return its first true answer."""
    return wait_until


def plugin_maker(top: Path) -> Callable[..., str]:
    """Return what lays out distributions of one plugin in a folder, and returns the folder, for
    PYTHONPATH.
    """

    def make(
        name: str,
        full: str | None = None,
        early: str | None = None,
        *,
        distribution: str = "",
        required: bool = False,
        requires: Sequence[str] = (),
    ) -> str:
        folder = top / "plugins"
        install_plugin(
            folder,
            name,
            full,
            early,
            distribution=distribution,
            required=required,
            requires=requires,
        )
        return str(top / "plugins")

    return make


@pytest.fixture
def make_plugin(tmp_path: Path) -> Callable[..., str]:
    """Make a throw-away plugin: `full` and `early` are the sources of its modules, which have all
    of hansa imported.
    """
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
    import dataclasses, gc, json, os, threading, time
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

    def alive(server, beginning):
        gc.collect()
        modules = [value.__module__ for value in gc.get_objects() if isinstance(value, type)]
        return [name for name in modules if str(name).startswith(beginning)]

    def test(server, *arguments):
        made = server.objects.make(*arguments)
        try:
            made.start()
            return made.ping()
        finally:
            made.stop()

    def about(server):
        return {
            "ready": server.ready,
            "closing": server.closing,
            "environment": dict(os.environ),
            "id": server.id,
        }

    def reports(server):
        return {worker: dataclasses.asdict(one) for worker, one in server.cluster.reports().items()}

    CALLS = {
        "about": about,
        "alive": alive,
        "define": lambda server, *given, **options: server.definitions.define(*given, **options),
        "definition": lambda server, *key: server.definitions.get(*key),
        "delete": lambda server, *key: server.definitions.delete(*key),
        "deploy": lambda server, *given, **options: server.packages.deploy(*given, **options),
        "invoke": lambda server, *given: server.invoke(*given),
        "invoke_async": lambda server, *given: server.invoke_async(*given),
        "log_action": lambda server, *given: server.cluster.log_action(*given),
        "ping": lambda server, *key: server.objects.get(*key).ping(),
        "release": lambda server, *key: server.definitions.release(*key),
        "reload": lambda server: server.replace_workers(),
        "reports": reports,
        "state": lambda server, *key: server.objects.state(*key),
        "status": lambda server: server.ready,
        "test": test,
    }

    def answer(server, line):
        call = json.loads(line)
        told = {"worker": server.worker, "pid": os.getpid()}
        try:
            found = CALLS[call["name"]](server, *call["arguments"], **call["options"])
            if type(found).__module__ == "hansa.contract.records":
                found = dataclasses.asdict(found)
            return {"answer": found, **told}
        except BaseException as error:
            return {"error": type(error).__name__, "detail": str(error), **told}

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


class ProbedServer(ServerProcess):
    """A server whose only plugin lets a test call any method of a worker's facade."""

    def __init__(
        self, folder: Path, path: str, text: str, workers: int, environment: dict[str, str]
    ) -> None:
        super().__init__(folder, workers=workers, env={"PYTHONPATH": path, **environment})
        self.config.write_text(text)
        self.before = len(self.output())

    def options(self) -> list[str]:
        """Return how many workers it has; a test writes everything else into config.toml, its
        folder included.
        """
        return ["--workers", str(self.worker_count)]

    def ready(self) -> bool:
        """Whether it has printed that all workers serve."""
        return bool(re.search(r"runs with \d+ workers", self.output()[self.before :]))

    def wait_ready(self) -> ProbedServer:
        """Wait until all workers serve."""
        wait_until(self._started, self.start_limit, self._last_of_log)
        return self

    def raw(self, name: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Call a method of any worker's facade and return all that it reported."""
        addresses = json.loads((self.dir / "run/server.json").read_text())
        host, port = addresses["probe"].removeprefix("probe://").split(":")
        call = {"name": name, "arguments": arguments, "options": options}
        with (
            socket.create_connection((host, int(port)), timeout=60) as connection,
            connection.makefile("rwb") as stream,
        ):
            stream.write(json.dumps(call).encode() + b"\n")
            stream.flush()
            found: dict[str, Any] = json.loads(stream.readline())
            return found

    def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of any worker's facade; raises `Failure`."""
        found = self.raw(name, *arguments, **options)
        if "error" in found:
            raise Failure(f"{found['error']}: {found['detail']}")
        return found["answer"]


@pytest.fixture(scope="module")
def start_probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ProbedServer]]:
    """Start servers with the probe as their only plugin, or with others; killed after the
    last test of a file if they still run.
    """
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
        return server.start() if wait else server.launch()

    yield start
    for server in started:
        server.kill()
