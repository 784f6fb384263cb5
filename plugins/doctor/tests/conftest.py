"""A quickstart cluster that does not run, and commands in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hansa.cli import commands
from hansa_devkit.harness.ports import free_ports

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run a command in this process."""

    def call(*words: str | Path, **variables: str) -> Result:
        runner = CliRunner(env=variables)
        found = runner.invoke(commands, [*map(str, words)], prog_name="hansa")
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found

    return call


@pytest.fixture
def cluster(tmp_path: Path, run: Run) -> Path:
    """The folder of a cluster with one server."""
    path = tmp_path / "qs-1"
    words = ["--servers", "1", "--base_port", str(free_ports(12))]
    made = run("quickstart", "create", path, *words, HANSA_ADMIN_PASSWORD="planted-admin-4711")
    assert made.exit_code == 0, made.output
    return path
