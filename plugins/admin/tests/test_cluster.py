"""The status of the cluster, and a server whose name is taken."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hansa import HeldLease, Holder, ObjectState, WorkerReport, name_lease
from hansa_admin.cluster import ClusterWorker, objects_of, servers
from hansa_devkit.harness.waiting import wait_until

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

pytestmark = pytest.mark.evidence("real_server")

FAILS_IN_A_WORKER = """
import os
from hansa import Service

if "HANSA_LISTEN_HTTP" in os.environ:  # a trial import sees none of Hansa's variables
    raise RuntimeError("not in a server")

class Nothing(Service):
    def handle(self):
        pass
"""
JOB = {"service": "rates.plain", "job_type": "interval", "hours": 1}


def status(server: Server, *, everything: bool = False) -> Any:
    return server.call("admin.cluster.status", {"all": everything})


def test_servers_workers_and_leases(server: Server) -> None:
    server.call("admin.channel.schedule.create", {"name": "hourly", **JOB})
    lease = "cluster:channel:schedule:hourly"
    wait_until(lambda: any(one["name"] == lease for one in status(server)["leases"]), 10)
    found = status(server)
    (one,) = found["servers"]
    assert (one["name"], one["state"], one["workers"], one["wanted"]) == ("server1", "ready", 1, 1)
    assert one["pid"] == server.pid
    assert one["incarnation"] >= 1
    assert one["revision"] == found["revision"] == found["workers"][0]["revision"]
    assert (found["workers"][0]["server"], found["workers"][0]["behind"]) == ("server1", 0)
    leases = {held["name"]: held for held in found["leases"]}
    assert leases[lease]["holder"] == found["workers"][0]["name"]
    assert leases[name_lease("server1")]["holder"].endswith(f"process {server.pid}")
    assert leases[name_lease("server1")]["token"] == one["incarnation"]
    assert found["queue"] is None
    assert found["unknown"] == []


def test_objects_that_do_not_run_and_with_all_those_that_do(server: Server) -> None:
    server.call(
        "admin.channel.http.create", {"name": "on", "url_path": "/on", "service": "rates.plain"}
    )
    off = {"name": "off", "url_path": "/off", "service": "rates.plain", "active": False}
    server.call("admin.channel.http.create", off)
    server.call("admin.service.deploy", {"file": "fails.py", "source": FAILS_IN_A_WORKER})
    bad = [each for each in status(server)["objects"] if each["kind"] != "server"]
    assert [(each["kind"], each["type"], each["name"], each["state"]) for each in bad] == [
        ("service", "package", "fails.py", "failed")
    ]
    assert "not in a server" in bad[0]["why"]
    assert abs(bad[0]["since"] - time.time()) < 60
    assert len(bad[0]["workers"]) == 1
    found = {each["name"]: each["state"] for each in status(server, everything=True)["objects"]}
    assert (
        found.items()
        >= {"on": "running", "off": "inactive", "fails.py": "failed", "admin": "running"}.items()
    )
    server.call(
        "admin.service.deploy",
        {"file": "fails.py", "source": "from hansa import Service\nclass A(Service): pass\n"},
    )
    assert status(server)["objects"] == []


def test_an_unknown_server_is_not_restarted(server: Server) -> None:
    assert server.api("admin.cluster.restart", {"name": "server9"}).status == 404


def test_a_second_server_of_the_name_does_not_start(server: Server, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        "[odb]\n"
        f'url = "sqlite:///{server.dir / "odb.sqlite"}"\n'
        "[plugins]\n"
        'enabled = ["admin", "http", "json", "security"]\n'
        f'[server]\nname = "NAME"\nsecret_key = {{ "$file" = "{server.dir / "secret.key"}" }}\n'
    )
    text = (tmp_path / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(text.replace("NAME", "server1"))
    command = [
        sys.executable,
        "-m",
        "hansa",
        "server",
        "run",
        "--http",
        "127.0.0.1:0",
        "--dir",
        str(tmp_path / "d"),
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=server.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert (
        "server.name: a server named server1 runs in the cluster hansa already on " in done.stderr
    )
    assert f"(process {server.pid})" in done.stderr
    assert "Traceback" not in done.stderr
    assert status(server)["servers"][0]["state"] == "ready"


def test_what_is_to_run_once_and_runs_nowhere() -> None:
    defined = {"channel schedule job"}

    def states(*told: str, held: tuple[str, ...] = ()) -> dict[str, list[str]]:
        reports = {
            f"s/{number}": WorkerReport(
                f"s/{number}",
                "s",
                1,
                0.0,
                {"channel schedule job": ObjectState(state)} if state else {},
            )
            for number, state in enumerate(told)
        }
        return {
            each.state: each.workers for each in objects_of(reports, held, defined, everything=True)
        }

    assert states("", "elsewhere") == {"running": ["s/0"]}
    assert states("elsewhere", "elsewhere") == {"unplaced": ["s/0", "s/1"]}
    assert states("elsewhere", "elsewhere", held=("cluster:channel:schedule:job",)) == {}
    assert states("retrying", "elsewhere") == {"retrying": ["s/0"]}
    assert states("inactive", "inactive") == {"inactive": ["s/0", "s/1"]}


def a_worker(name: str, revision: int = 7, behind: int = 0) -> ClusterWorker:
    return ClusterWorker(
        name=name, server=name.partition("/")[0], revision=revision, behind=behind, seconds=1.0
    )


@pytest.mark.parametrize(
    ("workers", "silent", "state"),
    [
        ([a_worker("s/0.1"), a_worker("s/1.2")], {"s": 1.0}, "ready"),
        ([a_worker("s/0.1"), a_worker("s/1.2", 6, 1)], {}, "behind"),
        ([a_worker("s/0.1")], {"s": 1.0}, "starting"),
        ([], {"s": 90.0}, "silent"),
    ],
)
def test_the_states_of_a_server(
    workers: list[ClusterWorker], silent: dict[str, float], state: str
) -> None:
    leases = (
        {name_lease("s"): HeldLease(str(Holder("host", 5, 6, "place", 2)), 3, 9.0)}
        if workers
        else {}
    )
    (found,) = servers(workers, leases, silent)
    assert (found.name, found.state) == ("s", state)
    assert (found.host, found.pid, found.incarnation) == (("host", 5, 3) if workers else ("", 0, 0))
    assert found.revision == min((worker.revision for worker in workers), default=0)
