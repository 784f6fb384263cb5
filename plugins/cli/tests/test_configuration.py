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


def test_an_export_for_another_cluster_has_a_template_of_its_variables(
    cli: CommandLine, tmp_path: Path
) -> None:
    secret = ("--username", "p", "--password", "s3cret-word")
    cli.ok("security", "basic", "create", "partner", *secret)
    file = tmp_path / "all.toml"
    template = tmp_path / "all.toml.env"
    told = cli.ok("export", str(file), "--secrets", "env")
    assert f"{template}: 1 variables to set" in told
    assert '{"$env" = "SECURITY_BASIC_PARTNER_PASSWORD"}' in file.read_text()
    line = "# security.basic.partner.password\nSECURITY_BASIC_PARTNER_PASSWORD="
    assert template.read_text() == line + "\n"
    assert template.stat().st_mode & 0o777 == 0o600
    # what was filled in stays
    template.write_text(line + "a-secret-of-mine")
    cli.ok("security", "basic", "create", "other", *secret)
    assert "2 variables to set for the servers, 1 were there" in cli.ok(
        "export", str(file), "--secrets", "env"
    )
    assert template.read_text().startswith(line + "a-secret-of-mine\n# security.basic.other")
    missing = cli.run("plan", str(file))
    assert missing.exit_code == 1
    for name in ("OTHER", "PARTNER"):
        variable = f"SECURITY_BASIC_{name}_PASSWORD"
        assert f"the environment variable {variable} is not set" in missing.stderr
