"""The examples of the README, run as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner
from hansa_devkit.harness.api_server import RunningServer

if TYPE_CHECKING:
    from plugins.cli.tests.conftest import CommandLine

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_worked_example_works(
    cli: CommandLine, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = server.api("admin.service.get", name="rates.get-rate")["source"]
    example = blocks("python")[0]
    (tmp_path / "rates.py").write_text(
        example + "\n\n" + kept.replace("class GetRate", "class Rest")
    )
    try:
        for line in blocks("sh")[0].splitlines():
            command, *arguments = shlex.split(line, comments=True)
            assert command == "hansa"
            if "rollback" in arguments:
                continue  # of a source that other tests need
            done = cli.run(*arguments, input="change-me-please\n")
            assert done.exit_code == 0, (line, done.stderr)
        answer = server.get("/v1/rates/Cyprus", auth=("partner", "change-me-please"))
        assert answer.json() == {"rate": "1.22", "country": "Cyprus"}
    finally:
        server.api("admin.config.apply", {"config": {}, "prune": True})
        server.deploy("rates.py", kept)


def test_a_command_of_another_plugin_has_help_and_the_options_of_all() -> None:
    found: dict[str, object] = {}
    exec(compile(blocks("python")[1], "README.md", "exec"), found)
    command = found["drain"]
    assert isinstance(command, click.Command)
    shown = CliRunner().invoke(command, ["--help"]).output
    for text in ("NAME", "Send nothing new to a server.", "--server URL", "--json"):
        assert text in shown
