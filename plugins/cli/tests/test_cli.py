"""The command line, as a person or a script uses it: output, exit codes, options from the schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import CommandLine
    from tests.conftest import RunningServer

CREATE = (
    "channel",
    "http",
    "create",
    "rates",
    "--url-path",
    "/rates",
    "--service",
    "rates.get-rate",
    "--format",
    "json",
)


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


def test_a_channel_from_create_to_delete(cli: CommandLine, server: RunningServer) -> None:
    cli.ok(
        "security",
        "basic",
        "create",
        "partner",
        "--username",
        "p",
        "--password",
        "s3cret-word",
    )
    assert "created channel http rates, revision" in cli.ok(
        *CREATE, "--security", "partner", "--method", "GET", "--method", "POST"
    )
    body = b'{"country": "x"}'
    assert server.post("/rates", body, auth=("p", "s3cret-word")).status_code == 200
    shown = cli.json("channel", "http", "get", "rates")
    assert shown["method"] == ["GET", "POST"]
    assert "changed channel http rates" in cli.ok(
        "channel", "http", "edit", "rates", "--no-active", "--set", "security=null"
    )
    assert "inactive" in cli.ok("channel", "http", "get", "rates")
    table = cli.ok("channel", "http", "list", "--filter", "rat")
    assert [word in table for word in ("rates", "no", "inactive", "url_path=/rates")] == [True] * 4
    assert "admin.api" not in table
    assert "any method" not in cli.ok(
        "channel", "http", "test", "--url-path", "/x", "--service", "rates.plain"
    )
    cli.ok("channel", "http", "edit", "rates", "--active")
    assert cli.ok("channel", "http", "ping", "rates").strip() == "GET, HEAD, POST /rates"
    assert "deleted channel http rates" in cli.ok("channel", "http", "delete", "rates")
    assert (
        cli.ok("channel", "http", "list", "--filter", "rat").strip() == "no channel http is defined"
    )


def test_faults_are_listed_by_setting_and_the_exit_code_is_1(cli: CommandLine) -> None:
    done = cli.run(
        "channel",
        "http",
        "create",
        "x",
        "--url-path",
        "no-slash",
        "--service",
        "rates.none",
        "--format",
        "jsn",
    )
    assert done.exit_code == 1
    for setting in ("url_path: ", "service: there is no service", "format: there is no format"):
        assert setting in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_2_and_says_what_there_is(cli: CommandLine) -> None:
    for arguments, told in (
        (("channel", "amqp", "list"), "http, schedule"),
        (("channel", "http", "creat"), "creat"),
        (("channel", "http", "create", "x", "--colour", "red"), "--colour"),
        (("channel", "http", "create", "x", "--url-params-pri", "neither"), "qs-over-path"),
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
    for arguments in (("server", "status"), ("channel", "http", "list"), ("channel", "--help")):
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


def test_help_shows_the_settings_of_the_type(cli: CommandLine) -> None:
    shown = cli.ok("channel", "http", "create", "--help")
    for text in (
        "NAME",
        "--url-path",
        "Service that handles each message.",
        "[required]",
        "--active / --no-active",
        "qs-over-path",
    ):
        assert text in shown
    assert "hash" in cli.ok("security", "basic", "create", "--help")
    assert "create" in cli.ok("channel", "http", "--help")
    assert "schedule" in cli.ok("channel", "--help")
    assert "apply" in cli.ok("--help", HANSA_SERVER="http://127.0.0.1:1")
    assert "run " in cli.ok("channel", "schedule", "--help")


def test_the_job_runs(cli: CommandLine) -> None:
    cli.ok(
        "channel",
        "schedule",
        "create",
        "hourly",
        "--job-type",
        "interval",
        "--hours",
        "1",
        "--service",
        "rates.plain",
    )
    assert cli.ok("channel", "schedule", "run", "hourly").startswith("done\n")


def test_a_secret_is_prompted_for_or_kept_elsewhere(
    cli: CommandLine, server: RunningServer
) -> None:
    typed = "s3cret-word\ns3cret-word\n"
    cli.ok(
        "security",
        "basic",
        "create",
        "partner",
        "--username",
        "p",
        "--password",
        "-",
        input=typed,
    )
    cli.ok(
        "channel",
        "http",
        "create",
        "a",
        "--url-path",
        "/a",
        "--service",
        "rates.plain",
        "--security",
        "partner",
    )
    assert server.post("/a", b"x", auth=("p", "s3cret-word")).status_code == 200
    (server.folder / "elsewhere").write_text("another-word\n")
    reference = json.dumps({"$file": str(server.folder / "elsewhere")})
    cli.ok("security", "basic", "edit", "partner", "--password", reference)
    assert server.post("/a", b"x", auth=("p", "another-word")).status_code == 200


def test_deploy_is_all_or_nothing(cli: CommandLine, tmp_path: Path) -> None:
    good, bad = tmp_path / "shown.py", tmp_path / "broken.py"
    good.write_text(
        "from hansa import Service\nclass A(Service):\n    def handle(self):\n        return 1\n"
    )
    bad.write_text("x = (\n")
    done = cli.run("deploy", str(bad), str(good))
    assert done.exit_code == 1
    assert "broken.py, line 1" in done.stderr
    assert "no files" in cli.ok("service", "packages", "--filter", "shown")
    try:
        assert "shown.py: version 1 serves shown.a" in cli.ok("deploy", str(good))
        assert cli.json("deploy", str(good))["packages"][0]["services"] == ["shown.a"]
        good.write_text(good.read_text().replace("return 1", "return 2"))
        cli.ok("deploy", str(good))
        assert cli.ok("invoke", "shown.a").strip() == "2"
        assert "version 1 serves" in cli.ok("service", "rollback", "shown.a")
        assert cli.ok("service", "get", "shown.a", "--source").endswith("return 1\n")
        assert cli.ok("service", "source", "shown.a", "--version", "2").endswith("return 2\n")
        assert "shown.a" in cli.ok("service", "list", "--filter", "shown")
    finally:
        cli.ok("service", "delete", "shown.a")


def test_deploy_takes_folders_packages_and_archives(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "services"
    for path, text in {
        "shown.py": "from hansa import Service\nfrom cliparts import X\nclass A(Service):\n    def handle(self): return X\n",
        "cliparts/__init__.py": "from .deep.x import X",
        "cliparts/deep/__init__.py": "",
        "cliparts/deep/x.py": "X = 1",
        "cliparts/table.csv": "1,2",
        "cliparts/__pycache__/x.cpython-311.pyc": "",
        ".git/x.py": "",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "link.py").symlink_to("/etc/passwd")
    try:
        done = cli.run("deploy", str(folder))
        assert done.exit_code == 0, done.stderr
        assert "cliparts/: version 1 is there to be imported" in done.stdout
        assert done.stderr == "left out, as only Python is deployed: cliparts/table.csv\n"
        assert cli.ok("invoke", "shown.a").strip() == "1"
        (folder / "cliparts/deep/x.py").write_text("X = 2")
        cli.ok("deploy", str(folder / "cliparts"))
        assert cli.ok("invoke", "shown.a").strip() == "2"
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("cliparts/__init__.py", "X = 3")
        cli.ok("deploy", str(tmp_path / "a.zip"))
        assert cli.ok("invoke", "shown.a").strip() == "3"
        table = cli.ok("service", "packages", "--filter", "cliparts")
        assert "cliparts/" in table
        assert "shown.py" in table
        assert "X = 3" in cli.ok("service", "source", "cliparts")
        assert "# cliparts/deep/x.py\nX = 1" in cli.ok(
            "service", "source", "cliparts/", "--version", "1"
        )
    finally:
        cli.ok("service", "delete", "shown.a", "cliparts/")


def test_deploy_refuses_what_it_cannot_read(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"{number}.py", b" " * 2**20)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(1001):
            archive.writestr(f"a{number}.py", b"")
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("../slip.py", b"")
    (tmp_path / "coding.py").write_bytes(b"# coding: klingon\n")
    for name, code, fault in (
        ("empty", 2, "no Python file"),
        ("broken.zip", 2, "cannot be read"),
        ("bomb.zip", 2, "holds over 1000 Python files or over 4194304 bytes"),
        ("many.zip", 2, "holds over 1000 Python files"),
        ("slip.zip", 1, "'../slip.py' must be letters"),
        ("coding.py", 2, "cannot be read"),
    ):
        done = cli.run("deploy", str(tmp_path / name))
        assert (done.exit_code, fault in done.stderr) == (code, True), done.stderr
    done = cli.run("deploy", str(tmp_path / "slip.zip"), str(tmp_path / "slip.zip"))
    assert "is given twice" in done.stderr


def test_invoke_takes_a_file_or_standard_input(cli: CommandLine, tmp_path: Path) -> None:
    expected = {"rate": "Malta 1.22"}
    payload = '{"country": "Malta"}'
    (tmp_path / "in.json").write_text(payload)
    assert json.loads(cli.ok("invoke", "rates.get-rate", "--payload", payload)) == expected
    assert (
        json.loads(cli.ok("invoke", "rates.get-rate", "--payload", f"@{tmp_path}/in.json"))
        == expected
    )
    assert (
        json.loads(cli.ok("invoke", "rates.get-rate", "--payload", "-", input=payload)) == expected
    )
    assert cli.json("invoke", "rates.get-rate", "--payload", payload)["payload"] == expected
    refused = cli.run("invoke", "rates.get-rate", "--payload", "{}")
    assert refused.exit_code == 1
    assert "country: required, and missing" in refused.stderr


@pytest.mark.parametrize("ending", ["json", "toml"])
def test_export_wipe_apply_export_is_byte_equal(
    cli: CommandLine, server: RunningServer, tmp_path: Path, ending: str
) -> None:
    cli.ok(
        "security",
        "basic",
        "create",
        "partner",
        "--username",
        "p",
        "--password",
        "s3cret-word",
    )
    cli.ok(*CREATE, "--security", "partner", "--method", "GET", "--method", "POST")
    cli.ok(
        "channel",
        "http",
        "create",
        "odd 'name' \"ü\".x",
        "--url-path",
        "/ü/{a}",
        "--service",
        "rates.plain",
    )
    cli.ok(
        "channel",
        "schedule",
        "create",
        "j",
        "--job-type",
        "interval",
        "--hours",
        "1",
        "--service",
        "rates.plain",
    )
    first, second, empty = (
        tmp_path / f"1.{ending}",
        tmp_path / f"2.{ending}",
        tmp_path / "empty.json",
    )
    cli.ok("export", str(first), "--services")
    assert first.stat().st_mode & 0o777 == 0o600
    assert "s3cret-word" not in first.read_text()
    empty.write_text("{}")
    assert "4 to delete" in cli.ok("plan", str(empty), "--prune")
    cli.ok("apply", str(empty), "--prune")
    assert cli.ok("export", "-").strip() == "{}"
    planned = cli.ok("plan", str(first))
    assert "+ create channel http rates" in planned
    assert "********" in planned
    assert "4 to create, 0 to edit, 0 to delete" in cli.ok("apply", str(first))
    cli.ok("export", str(second), "--services")
    assert second.read_bytes() == first.read_bytes()
    assert server.get("/rates?country=Malta", auth=("p", "s3cret-word")).json() == {
        "rate": "Malta 1.22"
    }


def test_a_file_with_faults_changes_nothing(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('[channel.http.a]\nurl_path = 5\n[channel.amqp.b]\nqueue = "q"\n')
    done = cli.run("apply", str(file))
    assert done.exit_code == 1
    assert "channel.http.a.url_path: " in done.stderr
    assert "channel.amqp.b: no plugin here gives channel of type amqp" in done.stderr
    for text in ("[channel", '{"a": 1, "a": 2}', "[]"):
        (tmp_path / "x.json").write_text(text)
        assert cli.run("plan", str(tmp_path / "x.json")).exit_code == 2


def test_plugins_and_server(cli: CommandLine) -> None:
    assert "channel http" in cli.ok("plugin", "list")
    assert cli.json("server", "status")["workers"]
    assert cli.run("plugin", "block", "nothing").exit_code == 1
    assert cli.run("plugin", "reload", "nothing").exit_code == 1
