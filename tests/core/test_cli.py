"""The command line: what core offers, what plugins add, and that a bad plugin takes nothing away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

HELLO = """
    import click
    @hookimpl
    def hansa_commands(commands):
        @commands.command()
        @click.argument("name")
        def hello(name):
            "Greet somebody."
            click.echo(f"hello {name}")
"""


@pytest.fixture
def hansa(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "plugins"), "NO_COLOR": "1"}
        command = [str(Path(sys.executable).parent / "hansa"), *arguments]
        return subprocess.run(
            command,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_help_and_version(hansa: Callable[..., subprocess.CompletedProcess[str]]):
    assert hansa("--version").stdout == f"hansa, version {version('hansa')}\n"
    assert re.search(r"^  server +Run a server", hansa("-h").stdout, re.M)
    found = hansa("server", "run", "--help").stdout
    assert all(option in found for option in ("--config", "--http", "--dir", "--workers"))


def test_a_plugin_adds_commands(
    hansa: Callable[..., subprocess.CompletedProcess[str]], make_plugin: Callable[..., str]
):
    make_plugin("hello", "1 / 0", HELLO)
    make_plugin("bad", None, "1 / 0")
    assert hansa("--version").stderr == "", "what needs no plugin asks none"
    assert hansa("hello", "jane").stdout == "hello jane\n"
    assert "Greet somebody." in hansa("--help").stdout


@pytest.mark.parametrize(
    "early",
    [
        "1 / 0",
        "@hookimpl\ndef hansa_commands(commands):\n    1 / 0",
        "@hookimpl\ndef hansa_comands(commands): pass",
    ],
)
def test_a_plugin_that_fails_is_named_and_the_rest_works(
    hansa: Callable[..., subprocess.CompletedProcess[str]],
    make_plugin: Callable[..., str],
    early: str,
):
    make_plugin("bad", None, early)
    make_plugin("greeter", None, HELLO)
    done = hansa("hello", "jane")
    assert done.stdout == "hello jane\n" and done.returncode == 0
    assert "bad" in done.stderr and "Traceback" not in done.stderr


def test_a_command_of_the_name_of_its_plugin_needs_no_other_plugin(
    hansa: Callable[..., subprocess.CompletedProcess[str]], make_plugin: Callable[..., str]
):
    make_plugin("bad", None, "1 / 0")
    make_plugin("hello", None, HELLO)
    done = hansa("hello", "jane")
    assert (done.stdout, done.stderr) == ("hello jane\n", "")
    make_plugin("server", None, "1 / 0")
    assert "server" in hansa("server", "nothing").stderr, "commands that others extend need all"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ["server", "run"],
            1,
            r"The server cannot start:\n  /.*/config.toml: cannot be read: No such file or directory\n",
        ),
        (["server", "run", "--config", "bad.toml"], 1, r"bad.toml: is not valid TOML: .*line 1"),
        (["server", "run", "--workers", "0"], 2, "0 is not in the range"),
        (["serve"], 2, "No such command 'serve'"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(
    hansa: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    arguments: list[str],
    status: int,
    said: str,
):
    (tmp_path / "bad.toml").write_text("= x")
    done = hansa(*arguments)
    assert done.returncode == status and re.search(said, done.stderr), done.stderr
    assert "Traceback" not in done.stderr + done.stdout
