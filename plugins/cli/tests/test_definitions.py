"""`hansa KIND TYPE ...`: commands for the definitions of every type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hansa_devkit.harness.api_server import RunningServer

    from plugins.cli.tests.conftest import CommandLine

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
    words = ("rates", "no", "inactive", "at most once", "url_path=/rates")
    assert [word in table for word in words] == [True] * 5
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


def test_help_shows_the_settings_of_the_type(cli: CommandLine) -> None:
    shown = cli.ok("channel", "http", "create", "--help")
    for text in (
        "NAME",
        "--url-path",
        "Service that handles each message.",
        "[required]",
        "--active / --no-active",
        "-over-path",
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
        "--format",
        "json",
        "--security",
        "partner",
    )
    assert server.post("/a", b"{}", auth=("p", "s3cret-word")).status_code == 200
    (server.folder / "elsewhere").write_text("another-word\n")
    reference = json.dumps({"$file": str(server.folder / "elsewhere")})
    cli.ok("security", "basic", "edit", "partner", "--password", reference)
    assert server.post("/a", b"{}", auth=("p", "another-word")).status_code == 200
