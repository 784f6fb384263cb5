"""`hansa cluster restart` on a real cluster: nothing fails and nothing runs twice; what does not come back stops it."""

from __future__ import annotations

import socket
from collections import Counter

import pytest

from plugins.loadbalancer.tests.support import Posts
from tests.conftest import wait_until

SOURCE = '''
import os
from hansa import Model, Service

class Count(Service):
    """Writes the number of each request down, once."""

    class Input(Model):
        """A numbered request."""
        number: int

    def handle(self):
        """Append one line, in one write."""
        file = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, b"%d\\n" % self.request.input.number)
        finally:
            os.close(file)
        return {{"server": self.server.name}}
'''


@pytest.fixture
def runs(running):
    """The file in which a service behind `/count` writes down the number of each request."""
    file = running.folder / "runs"
    file.write_text("")
    assert running.api("admin.service.deploy", file="rolling.py", source=SOURCE.format(path=str(file))).ok
    channel = {"name": "count", "url_path": "/count", "service": "rolling.count", "format": "json"}
    assert running.api("admin.channel.http.create", **channel).status_code in (200, 409)
    return file


def status(cluster):
    """The servers of the cluster by name."""
    return {server["name"]: server for server in cluster.api("admin.cluster.status").json()["servers"]}


def test_a_rolling_restart_under_load_loses_nothing_and_repeats_nothing(running, runs):
    before = status(running)
    with Posts(running.base, "/count", clients=4) as posts:
        posts.wait_for(20)
        # asked directly, one of the servers restarts while it is the one that is asked
        done = running.run("cluster", "restart", "--dir", running.path / "server1")
        posts.wait_for(20)
    assert not posts.faults, posts.faults[:5]
    seen = Counter(runs.read_text().split())
    assert len(seen) == posts.sent
    assert set(seen.values()) == {1}
    lines = done.stdout.splitlines()
    for number, name in enumerate(("server1", "server2")):
        assert lines[3 * number] == f"{name}: gets nothing new"
        assert lines[3 * number + 1] == f"{name}: restarting"
        assert lines[3 * number + 2].startswith(f"{name}: ready, 2 workers at revision ")
    assert lines[6].startswith("restarted server1, server2 in ")
    after = status(running)
    for name, server in after.items():
        assert server["state"] == "ready"
        assert server["incarnation"] > before[name]["incarnation"]
        assert server["pid"] == before[name]["pid"] == running.pid(name)
    assert {s["state"] for s in running.api("admin.loadbalancer.servers").json()["items"]} == {"ready"}


def test_a_server_that_could_not_start_again_goes_on_as_it_is(running):
    config = running.path / "server1/config.toml"
    good = config.read_text()
    before = status(running)
    config.write_text(good + "\n[nonsense]\na = 1\n")
    done = running.run("cluster", "restart", "--dir", running.path, check=False)
    config.write_text(good)
    assert done.returncode == 1
    assert "server1 goes on as before, since it could not start again" in done.stderr
    assert "nonsense: unknown section" in done.stderr
    assert "server2: restarting" not in done.stdout
    after = status(running)
    assert {n: s["incarnation"] for n, s in after.items()} == {n: s["incarnation"] for n, s in before.items()}
    wrong = running.run("cluster", "restart", "server9", "--dir", running.path, check=False)
    assert wrong.returncode == 1
    assert "there is no server server9 in this cluster (there are: server1, server2)" in wrong.stderr
    assert {s["state"] for s in running.api("admin.loadbalancer.servers").json()["items"]} == {"ready"}


def test_it_stops_at_a_server_that_does_not_come_back(running):
    config = running.path / "server1/config.toml"
    good = config.read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own = f'address = "127.0.0.1:{running.base + 10}"'
        assert own in good
        config.write_text(good.replace(own, f'address = "127.0.0.1:{taken.getsockname()[1]}"'))
        done = running.run("cluster", "restart", "--limit", "5", "--dir", running.path, check=False)
        console = running.path / "server1/logs/console.log"
        wait_until(lambda: "is in use by another program" in console.read_text(), 30)
        config.write_text(good)
    assert done.returncode == 1
    assert "server1 did not come back within 5 s: it is not there; its logs tell why" in done.stderr
    assert "server2: restarting" not in done.stdout
    # put back, for when it is there again; and nothing is restarted while it is not
    assert {s["state"] for s in running.api("admin.loadbalancer.servers").json()["items"]} == {"ready"}
    only = running.run("cluster", "restart", "--dir", running.path, check=False)
    assert "server2 is the only server" in only.stderr
    running.run("start", running.path)
    wait_until(lambda: len(status(running)) == 2, 10)
