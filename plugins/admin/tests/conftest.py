"""A real server for the tests of the admin plugin, and its API as functions."""

from __future__ import annotations

import base64
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.server import ServerProcess

from tests.parallel import Shared

PLUGINS = ["admin", "http", "json", "scheduler", "security", "sql"]

RATES = '''
"""Services of the tests."""
from typing import Annotated

from hansa import Conflict, Model, Service, setting


class Asked(Model):
    country: Annotated[str, setting("Country", min_length=1)]
    times: Annotated[int, setting("How often", ge=1)] = 1


class Rate(Model):
    rate: Annotated[str, setting("The rate")]


class GetRate(Service):
    """Give the rate of a country."""

    Input, Output = Asked, Rate

    def handle(self):
        return Rate(rate=f"{self.request.input.country} 1.22")


class Plain(Service):
    def handle(self):
        return {"got": self.request.input}


class Blob(Service):
    def handle(self):
        return b"\\xff\\x00"


class Broken(Service):
    def handle(self):
        raise RuntimeError("the reason, which nobody outside may see")


class Refusing(Service):
    def handle(self):
        raise Conflict("not today")
'''


@dataclass
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Any
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class Server(ServerProcess):
    """A running server of one worker with a few plugins."""

    rates = RATES

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        config = f"[plugins]\nenabled = {json.dumps(PLUGINS)}\n"
        super().__init__(folder, config, workers=1, env=environment)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.start()

    def options(self) -> list[str]:
        """Return the options of `hansa server run`, with where it listens."""
        return [*super().options(), "--http", self.url.removeprefix("http://")]

    def ready(self) -> bool:
        """Whether it reports that it is ready."""
        try:
            urllib.request.urlopen(self.url + "/hansa/ready", timeout=5).close()
        except OSError:
            return False
        return True

    @property
    def password(self) -> str:
        given = self.env.get("HANSA_ADMIN_PASSWORD")
        return given or (self.dir / "admin.password").read_text().strip()

    def http(
        self,
        path: str,
        body: bytes | None = None,
        user: str = "admin",
        password: str | None = None,
        **headers: str,
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if password != "":
            pair = f"{user}:{self.password if password is None else password}"
            sent["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        request = urllib.request.Request(self.url + path, data=body, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def api(self, service: str, data: Any = None, raw: bytes | None = None) -> Answer:
        body = raw if raw is not None else json.dumps({} if data is None else data).encode()
        return self.http(f"/hansa/api/{service}", body, Content_Type="application/json")

    def call(self, service: str, data: Any = None) -> Any:
        answer = self.api(service, data)
        assert answer.status == 200, answer.raw
        return answer.json

    def wipe(self) -> None:
        """Leave no definition behind."""
        self.call("admin.config.apply", {"config": {}, "prune": True})


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Server]:
    """Run a server with the services of the tests."""
    server = Server(folder)
    try:
        server.call("admin.service.deploy", {"file": "rates.py", "source": RATES})
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, of_unit: Shared) -> Server:
    """The one server of all these tests."""
    return of_unit.get("server", lambda: started(tmp_path_factory.mktemp("server")))


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The running server, without any definition but those that come with plugins."""
    yield running
    running.wipe()
