"""`hansa cluster`: the status of a cluster, and the restart of its only server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa_devkit.harness.api_server import RunningServer

if TYPE_CHECKING:
    from plugins.cli.tests.conftest import CommandLine


def test_status_shows_servers_workers_and_leases(cli: CommandLine) -> None:
    shown = cli.ok("cluster", "status")
    for word in ("server1", "ready", "1 of 1", "lease", "no objects that do not run"):
        assert word in shown, shown
    (server,) = cli.json("cluster", "status")["servers"]
    assert server["name"] == "server1"


def test_status_shows_what_does_not_run(cli: CommandLine, server: RunningServer) -> None:
    off = {"name": "off", "url_path": "/off", "service": "rates.plain", "active": False}
    server.api("admin.channel.http.create", off)
    assert "channel http off" not in cli.ok("cluster", "status")
    shown = cli.ok("cluster", "status", "--all")
    assert "channel http off" in shown
    assert "inactive" in shown


def test_the_only_server_is_restarted_by_force_alone(
    cli: CommandLine, server: RunningServer
) -> None:
    assert server.process is not None
    refused = cli.run("cluster", "restart")
    assert refused.exit_code == 1
    assert "server1 is the only server" in refused.stderr
    (before,) = cli.json("cluster", "status")["servers"]
    (restarted,) = cli.json("cluster", "restart", "--force")["servers"]
    assert restarted["incarnation"] > before["incarnation"]
    (after,) = cli.json("cluster", "status")["servers"]
    assert after["state"] == "ready"
    assert after["pid"] == before["pid"] == server.process.pid
    assert server.process.poll() is None


def test_a_reload_of_the_server_waits_for_its_new_workers(cli: CommandLine) -> None:
    before = set(cli.json("server", "status")["workers"])
    assert cli.ok("server", "reload") == "server1/0: replaced\n"
    after = set(cli.json("server", "status")["workers"])
    assert after and after.isdisjoint(before)
    answer = cli.json("server", "reload")
    assert answer["reloading"] and answer["workers"]
    assert answer["results"] == {"server1/0": {"state": "replaced"}}


def test_a_worker_that_goes_on_says_why(cli: CommandLine, server: RunningServer) -> None:
    config = server.folder / "config.toml"
    right = config.read_text()
    config.write_text(right + "\n[nothing]\n")
    try:
        kept = cli.run("server", "reload")
    finally:
        config.write_text(right)
    assert kept.exit_code == 3
    assert "goes on, since its successor did not start" in kept.stdout
    assert "not replaced: server1/0" in kept.stderr
