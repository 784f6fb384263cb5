"""The exit status of a command whose definition does not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugins.cli.tests.conftest import CommandLine

CREATE = ("outgoing", "sql", "create", "db", "--database", "db.sqlite", "--engine")


def test_what_does_not_run_is_3_with_the_reason(cli: CommandLine) -> None:
    made = cli.run(*CREATE, "nosuch")
    assert made.exit_code == 3
    assert "created outgoing sql db, revision" in made.stdout
    assert "outgoing sql db does not run:\n  retrying: " in made.stderr
    assert "nosuch" in made.stderr
    mended = cli.ok("outgoing", "sql", "edit", "db", "--engine", "sqlite")
    assert "changed outgoing sql db" in mended
    broken = cli.run("outgoing", "sql", "edit", "db", "--engine", "nosuch", "--json")
    assert broken.exit_code == 3
    assert json.loads(broken.stdout)["state"] == "retrying"
    assert "nosuch" in cli.run("outgoing", "sql", "ping", "db").stderr


def test_apply_is_3_if_something_does_not_run(cli: CommandLine, tmp_path: Path) -> None:
    definition = {"engine": "nosuch", "database": "db.sqlite"}
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"outgoing": {"sql": {"db": definition}}}))
    applied = cli.run("apply", str(file))
    assert applied.exit_code == 3
    assert "applied, revision" in applied.stdout
    assert "outgoing sql db does not run:" in applied.stderr


def test_a_deployment_is_3_if_a_worker_cannot_load_it(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "picky.py"
    # its trial is in no worker
    file.write_text("import os\nassert 'HANSA_LISTEN_HTTP' not in os.environ, 'not here'\n")
    deployed = cli.run("deploy", str(file))
    assert deployed.exit_code == 3
    assert "picky.py: version 1" in deployed.stdout
    assert "service package picky.py does not run:\n  failed: " in deployed.stderr
    assert "not here" in deployed.stderr
    cli.ok("service", "delete", "picky.py")
