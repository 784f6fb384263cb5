"""`hansa cluster restart` on a real cluster: what could not start again, or does not come back,
stops it.

That it fails no request and repeats none is proved in tests/cluster/test_restart.py.
"""

from __future__ import annotations

import socket

from hansa_devkit.harness.waiting import wait_until


def status(cluster):
    """The servers of the cluster by name."""
    return {
        server["name"]: server for server in cluster.api("admin.cluster.status").json()["servers"]
    }


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
    assert {n: s["incarnation"] for n, s in after.items()} == {
        n: s["incarnation"] for n, s in before.items()
    }
    wrong = running.run("cluster", "restart", "server9", "--dir", running.path, check=False)
    assert wrong.returncode == 1
    assert (
        "there is no server server9 in this cluster (there are: server1, server2)" in wrong.stderr
    )
    assert {s["state"] for s in running.api("admin.loadbalancer.servers").json()["items"]} == {
        "ready"
    }


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
    assert {s["state"] for s in running.api("admin.loadbalancer.servers").json()["items"]} == {
        "ready"
    }
    only = running.run("cluster", "restart", "--dir", running.path, check=False)
    assert "server2 is the only server" in only.stderr
    running.run("start", running.path)
    wait_until(lambda: len(status(running)) == 2, 10)
