"""A running server for the tests of the command line, and the `hansa` command itself as an object."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hansa.cli import commands
from hansa_cli.plain import JsonObject
from hansa_devkit.harness.api_server import RunningServer, servers

from tests.parallel import Shared

CONFIG = '[plugins]\nenabled = ["admin", "http", "json", "scheduler", "security", "sql"]\n'

RATES = '''
"""Services of the tests."""
from typing import Annotated

from hansa import Model, Service, setting


class Asked(Model):
    country: Annotated[str, setting("Country", min_length=1)]


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
'''


class CommandLine:
    """The `hansa` command, run in this process, with the folder of one server as `HANSA_DIR`."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server

    def run(self, *arguments: str, input: str = "", **environment: str) -> Result:
        """Run a command with these environment variables; no other one of Hansa is set."""
        variables: dict[str, str | None] = {
            name: None for name in os.environ if name.startswith("HANSA_")
        }
        variables["HANSA_DIR"] = str(self.server.dir)
        variables |= environment
        runner = CliRunner(env=variables)
        result = runner.invoke(commands, arguments, input=input, prog_name="hansa")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def ok(self, *arguments: str, input: str = "", **environment: str) -> str:
        """Return what a command that succeeds prints."""
        result = self.run(*arguments, input=input, **environment)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str) -> JsonObject:
        """Return the answer that a command prints with `--json`."""
        answer: JsonObject = json.loads(self.ok(*arguments, "--json"))
        return answer


@contextlib.contextmanager
def started(folder: Path) -> Iterator[RunningServer]:
    """Run a server with the services of the tests."""
    with servers(folder) as start:
        server = start(CONFIG, workers=1)
        # it got its password by the environment; commands look for it in the folder, too
        (server.dir / "admin.password").write_text(server.password + "\n")
        server.deploy("rates.py", RATES)
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, of_unit: Shared) -> RunningServer:
    """The one server of all these tests."""
    return of_unit.get("server", lambda: started(tmp_path_factory.mktemp("servers")))


@pytest.fixture
def server(running: RunningServer) -> Iterator[RunningServer]:
    """The running server, without any definition but those that come with plugins."""
    yield running
    running.api("admin.config.apply", {"config": {}, "prune": True})


@pytest.fixture
def cli(server: RunningServer) -> CommandLine:
    """The command line of the running server."""
    return CommandLine(server)
