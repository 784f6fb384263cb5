"""The command line as a whole: exit codes, where server and password come from, wrong usage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hansa_devkit.harness.api_server import RunningServer

    from plugins.cli.tests.conftest import CommandLine

pytestmark = pytest.mark.evidence("real_server")


def test_the_command_itself_ends_with_these_codes(server: RunningServer) -> None:
    for arguments, code in (
        (["status"], 0),
        (["status", "--nothing"], 2),
        (["status", "--server", "127.0.0.1:1"], 3),
    ):
        command = [sys.executable, "-m", "hansa", "server", *arguments]
        environment = os.environ | {"HANSA_DIR": str(server.dir)}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == code, done.stderr


def test_starting_the_command_is_light() -> None:
    code = "import sys; from hansa.cli import commands; commands._ask(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    ).stdout.split()
    assert "hansa_cli.commands" in loaded
    assert not {
        "rich",
        "tomlkit",
        "urllib.request",
        "ssl",
        "lxml",
        "falcon",
        "sqlalchemy",
        "argon2",
    } & set(loaded)


def test_wrong_usage_is_2_and_says_what_there_is(cli: CommandLine) -> None:
    for arguments, told in (
        (("channel", "amqp", "list"), "http, schedule"),
        (("channel", "http", "creat"), "creat"),
        (("channel", "http", "create", "x", "--colour", "red"), "--colour"),
        (("channel", "http", "create", "x", "--url-params-pri", "neither"), "-over-path"),
        (("channel", "http", "list", "--limit", "many"), "no whole number"),
        (("channel", "http", "edit", "x", "--set", "active"), "SETTING=JSON"),
        (("channel", "http", "edit", "x", "--set", "active=yes"), "not valid JSON"),
        (("deploy", "nothing.py"), "nothing.py"),
        (("invoke", "a", "--payload", "{"), "not valid JSON"),
        (("apply", "nothing.json"), "nothing.json"),
        (("server", "status", "--server", "ftp://x"), "ftp://x"),
    ):
        done = cli.run(*arguments)
        assert done.exit_code == 2, (arguments, done.stderr)
        assert told in done.stderr, (arguments, done.stderr)


def test_a_server_that_is_not_there_is_3_and_the_setting_is_named(cli: CommandLine) -> None:
    for arguments in (("server", "status"), ("channel", "http", "list")):
        done = cli.run(*arguments, HANSA_SERVER="http://127.0.0.1:1")
        assert done.exit_code == 3
        assert "http://127.0.0.1:1" in done.stderr
        assert "HANSA_SERVER" in done.stderr
    done = cli.run("server", "status", "--dir", "/nonexistent", HANSA_SERVER="")
    assert done.exit_code in (
        1,
        3,
    )  # there may be a server at the default address, whose password this is not


def test_password_and_address_come_from_where_one_says(
    cli: CommandLine, server: RunningServer, tmp_path: Path
) -> None:
    assert "address" in cli.ok(
        "server",
        "status",
        HANSA_DIR="",
        HANSA_ADMIN_PASSWORD=server.password,
        HANSA_SERVER=server.url,
    )
    file = tmp_path / "password"
    file.write_text(server.password + "\n")
    cli.ok(
        "server",
        "status",
        "--password-file",
        str(file),
        "--server",
        server.url.removeprefix("http://"),
        HANSA_DIR="/none",
    )
    cli.ok("channel", "http", "list", "--dir", str(server.dir), HANSA_DIR="/none")
    for command in (("server", "status"), ("channel", "http", "list")):
        wrong = cli.run(*command, HANSA_ADMIN_PASSWORD="wrong")
        assert wrong.exit_code == 1
        assert "HANSA_ADMIN_PASSWORD" in wrong.stderr
        assert "401" in wrong.stderr


def test_plugins_and_server(cli: CommandLine) -> None:
    assert "channel http" in cli.ok("plugin", "list")
    assert cli.json("server", "status")["workers"]
    assert cli.run("plugin", "block", "nothing").exit_code == 1
    assert cli.run("plugin", "reload", "nothing").exit_code == 1


def test_an_address_without_an_admin_api_is_suspected(
    cli: CommandLine, server: RunningServer
) -> None:
    elsewhere = cli.run("server", "status", HANSA_SERVER=server.url + "/elsewhere")
    assert elsewhere.exit_code == 1
    assert "a Hansa server with the admin plugin? the address comes from" in elsewhere.stderr
    unknown = cli.run("channel", "http", "get", "nothing")
    assert unknown.exit_code == 1
    assert "the address comes from" not in unknown.stderr
