"""`hansa export`, `hansa plan` and `hansa apply`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
