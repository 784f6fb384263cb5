"""The facade of a worker for these tests: real routes, formats, outgoing HTTP and Valkey."""

from __future__ import annotations

import contextlib
import importlib
import threading
import types
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
from hansa import Service
from hansa.deployment.loader import PackageLoader
from hansa_devkit.harness.api_server import RunningServer, servers
from hansa_devkit.servers_redis import Valkey
from hansa_zato import early

from plugins.zato.tests.facade import Facade
from tests.parallel import Shared

# what the loader does at start, for imports in tests and in the sources that they deploy
for module in early.hansa_modules():
    importlib.import_module(module)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Facade]:
    made = Facade(tmp_path)
    yield made
    for found in made.objects.live.values():
        if found is not None:
            found.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, of_unit: Shared) -> RunningServer:
    """A running server with one worker and the dialect, shared by the files that use it."""

    @contextlib.contextmanager
    def start() -> Iterator[RunningServer]:
        with servers(tmp_path_factory.mktemp("servers")) as make:
            yield make(workers=1, plugins=["soap", "xml", "zato"])

    return of_unit.get("server", start)


@pytest.fixture(scope="session")
def valkey(real_server: Callable[..., Any]) -> str:
    """The address of a real Valkey of this test session."""
    return str(real_server(Valkey).address)


@pytest.fixture
def cached(server: Facade, valkey: str) -> Facade:
    """A facade with an empty Valkey behind it."""
    server._redis = redis.Redis.from_url(valkey, decode_responses=True)
    server._redis.flushall()
    return server


class Backend(ThreadingHTTPServer):
    """A back end that remembers requests and answers with what `answer` gives: (status, headers,
    body).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[types.SimpleNamespace] = []
        self.answer: Any = lambda request: (200, {"Content-Type": "text/plain"}, b"hello")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is part of these tests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = types.SimpleNamespace(
            method=self.command, path=self.path, headers=self.headers, body=body
        )
        backend: Any = self.server
        backend.requests.append(seen)
        status, headers, content = backend.answer(seen)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else content)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    thread = threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(5)


@pytest.fixture
def deploy() -> Iterator[Any]:
    """Run a source as a deployed file and give its service classes by class name."""
    loader = PackageLoader()

    def run(source: str, file: str = "my_service.py") -> dict[str, type[Service]]:
        package = loader.make(file, uuid.uuid4().int, source)
        package.run()
        return package.services

    yield run
    loader.close()
