"""A server under test that listens for HTTP, and is driven through its channels, its admin API and
the command line.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests

from ..installed import installed
from .ports import free_port
from .server import BIN, ServerProcess

ADMINISTRATION = frozenset({"admin", "cli", "http", "json", "security"})
"""The plugins by which a server is driven here."""


def all_but(plugins: Collection[str]) -> list[str]:
    """Return the installed plugins that are neither of these nor needed to drive a server, sorted."""
    names = {entry.name for group in ("hansa", "hansa.early") for entry in installed(group)}
    return sorted(names - ADMINISTRATION - set(plugins))


class ApiError(Exception):
    """An unsuccessful answer of the admin API: its `status`, and the `problem` document (RFC 9457)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.problem = problem


class RunningServer(ServerProcess):
    """A server with HTTP. `url` is where clients reach it; `api`, `cli`, `get` and `post` talk to
    it.

    It loads what is installed; if `plugins` are named, of that only these and what it is driven by,
    which halves the time of its start and of each worker that is replaced.
    """

    def __init__(
        self,
        folder: Path,
        config: str = "",
        *,
        workers: int = 2,
        port: int = 0,
        env: dict[str, str] | None = None,
        plugins: Collection[str] | None = None,
    ) -> None:
        if plugins is not None:
            config += f"\n[plugins]\nblocked = {all_but(plugins)!r}\n"
        super().__init__(folder, config, workers=workers, env=env)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.password = uuid.uuid4().hex

    def options(self) -> list[str]:
        """Return the options of `hansa server run`, with where it listens."""
        return [*super().options(), "--http", f"127.0.0.1:{self.port}"]

    def environment(self) -> dict[str, str]:
        """Return its environment with the password of the admin."""
        return {**self.env, "HANSA_ADMIN_PASSWORD": self.password}

    def ready(self) -> bool:
        """Whether it reports that it is ready."""
        # PERF: asked until it answers; a connection that is refused takes requests ten times as
        # long
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            connection.request("GET", "/hansa/ready")
            return connection.getresponse().status == 200
        return False

    def api(self, service: str, payload: dict[str, Any] | None = None, /, **settings: Any) -> Any:
        """Call an admin service and return its answer; raises `ApiError`."""
        response = requests.post(
            f"{self.url}/hansa/api/{service}",
            json={**(payload or {}), **settings},
            auth=("admin", self.password),
            timeout=180,
        )
        if not response.ok:
            raise ApiError(response.status_code, response.json())
        return response.json() if response.content else None

    def deploy(self, file: str, source: str) -> dict[str, Any]:
        """Deploy a source through the admin API."""
        answer: dict[str, Any] = self.api("admin.service.deploy", file=file, source=source)
        return answer

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the `hansa` command against this server; raises `AssertionError` if it fails, unless
        `check` is off.
        """
        environment = {**self.environment(), "HANSA_SERVER": self.url, "NO_COLOR": "1"}
        done = subprocess.run(
            [str(BIN / "hansa"), *arguments],
            env=environment,
            cwd=self.folder,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )
        if check:
            command = " ".join(arguments)
            ended = f"hansa {command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            assert done.returncode == 0, ended
        return done

    def post(self, path: str, data: Any = None, **options: Any) -> requests.Response:
        """POST to a channel: text and bytes as they are, anything else as JSON."""
        if data is not None and not isinstance(data, str | bytes):
            data = json.dumps(data)
        options.setdefault("timeout", 60)
        return requests.post(self.url + path, data=data, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET from a channel."""
        options.setdefault("timeout", 60)
        return requests.get(self.url + path, **options)


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[Callable[..., RunningServer]]:
    """Return a function that makes servers; they are stopped, and looked after, at the end of the
    block.

    The function takes what `RunningServer` takes after the folder, and `start=False` for one that
    is not to be started; `files` are texts that its folder has from the beginning, by their names.
    """
    made: list[RunningServer] = []

    def make(
        config: str = "",
        *,
        start: bool = True,
        files: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> RunningServer:
        server = RunningServer(folder / f"server{len(made) + 1}", config, **options)
        made.append(server)
        for name, text in files.items():
            (server.folder / name).write_text(text)
        return server.start() if start else server

    try:
        yield make
    except BaseException:
        for server in made:
            server.kill()
        raise
    for server in made:
        server.stop()
