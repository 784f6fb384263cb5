"""`hansa plugin ...` and `hansa orphan ...`: what becomes of a plugin, and of its definitions."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from hansa import prepare_odb
from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from sqlalchemy import NullPool

if TYPE_CHECKING:
    from plugins.cli.tests.conftest import CommandLine

JOB = ("--job-type", "interval", "--seconds", "9", "--service", "rates.plain", "--no-active")


def test_a_reload_says_what_came_of_it_in_each_worker(cli: CommandLine) -> None:
    reloaded = cli.ok("plugin", "reload", "scheduler")
    assert re.search(r"plugin scheduler, revision \d+\n  server1/0: loaded\n", reloaded)
    refused = cli.run("plugin", "block", "amqp", "--off")
    assert refused.exit_code == 1 and "[plugins] enabled" in refused.stderr


def test_a_plugin_in_use_is_blocked_by_force_and_its_definitions_are_orphans(
    cli: CommandLine,
) -> None:
    cli.ok("channel", "schedule", "create", "j", *JOB)
    refused = cli.run("plugin", "block", "scheduler")
    assert refused.exit_code == 1 and "--force" in refused.stderr
    assert "server1/0: blocked" in cli.ok("plugin", "block", "scheduler", "--force")
    try:
        refused = cli.run("plugin", "reload", "scheduler")
        assert refused.exit_code == 1 and "plugin block scheduler --off" in refused.stderr
        found = cli.ok("orphan", "list")
        assert re.search(r"channel +schedule +j +\d+ +hansa-scheduler", found)
        assert "schedule" in cli.ok("export", "-")
        deleted = cli.ok("orphan", "delete", "channel", "schedule", "j")
        assert "deleted channel schedule j" in deleted
        assert cli.run("orphan", "delete", "channel", "schedule", "j").exit_code == 1
        assert "no orphans" in cli.ok("orphan", "list")
    finally:
        answer = cli.json("plugin", "block", "scheduler", "--off")
    assert answer["workers"] == {"server1/0": {"state": "loaded"}}


def test_a_plugin_is_blocked_while_no_server_runs(cli: CommandLine, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/odb.sqlite"
    prepare_odb(url)
    folder = ("--dir", str(tmp_path))
    assert "json: blocked from the next start on" in cli.ok("plugin", "block", "json", *folder)
    odb = Database(open_engine(url, poolclass=NullPool))
    assert odb.blocked_plugins() == {"json"}
    assert "may be loaded again" in cli.ok("plugin", "block", "json", "--off", *folder)
    assert odb.blocked_plugins() == set()
    refused = cli.run("plugin", "block", "jsn", *folder)
    assert refused.exit_code == 1 and "no plugin 'jsn' is installed" in refused.stderr
    elsewhere = cli.run("plugin", "block", "json", *folder, HANSA_SERVER="http://127.0.0.1:1")
    assert elsewhere.exit_code == 3


def test_the_distributions_that_there_are_are_listed_without_a_server(cli: CommandLine) -> None:
    nowhere = {"HANSA_SERVER": "http://127.0.0.1:1"}
    listed = cli.run("plugin", "list", "--available", **nowhere)
    assert listed.exit_code == 0
    assert re.search(r"hansa-amqp +0\.1\.0 +AMQP", listed.stdout)
    answer = json.loads(cli.run("plugin", "list", "--available", "--json", **nowhere).stdout)
    found = {one["name"]: one for one in answer["items"]}
    assert answer["total"] == len(found) > 50
    assert found["hansa-http"]["installed"] == version("hansa-http")
    assert all(one["description"] for one in found.values())
