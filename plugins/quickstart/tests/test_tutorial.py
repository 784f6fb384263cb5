"""The tutorial, from outside: what it types, with what it shows, for `hansa` and for `zato`, with
Valkey and with Redis.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import requests
import yaml
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

SERVICE = """from zato.server.service import Service

class GetClientDetails(Service):
    def handle(self):
        self.log_input()
"""
UPLOADED = re.compile(
    r"INFO - (\d+):\S+ - zato\.hot-deploy\.create - .*"
    r"Uploaded package id:\[1\], payload_name:\[my_service\.py\]"
)


@pytest.fixture(scope="module")
def debian_redis(tmp_path_factory):
    """A Redis with Debian's own configuration, on a port of its own; gives the port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server here")
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    own = Path("/etc/redis/redis.conf")
    config = folder / "redis.conf"
    config.write_text(own.read_text() if own.exists() else "bind 127.0.0.1\nappendonly no\n")
    options = [
        "--port",
        str(port),
        "--daemonize",
        "no",
        "--dir",
        folder,
        "--pidfile",
        folder / "pid",
        "--logfile",
        "",
    ]
    # Debian's has its system's supervision
    process = subprocess.Popen(
        [program, config, *map(str, options), "--supervised", "no"], stdout=subprocess.DEVNULL
    )

    def listening():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listening, 20, "Redis listens")
    yield port
    process.terminate()
    process.wait(20)


def follow(cluster, start, first_steps):
    """The tutorial from its first `start` on; gives nothing, and leaves the cluster running."""
    title = cluster.program.capitalize()
    done = cluster.execute(start)
    steps = [
        *first_steps,
        "Load-balancer started",
        "server1 started",
        "server2 started",
        "Web admin started",
    ]
    lines = [f"[{number}/{len(steps)}] {step}" for number, step in enumerate(steps, 1)]
    shown = [line for line in done.stdout.splitlines() if "waiting for" not in line]
    assert shown == [
        f"Starting the {title} quickstart environment",
        "Running sanity checks",
        *lines,
        f"{title} quickstart environment started",
    ]

    ping = requests.get(f"{cluster.front}/zato/ping", timeout=10)
    assert ping.json()["zato_ping_response"] == {"pong": "zato"}
    assert ping.json()["zato_env"]["result"] == "ZATO_OK"

    (cluster.folder / "my_service.py").write_text(SERVICE)
    shutil.copy(cluster.folder / "my_service.py", cluster.path / "server1/pickup/incoming/services")
    for server in ("server1", "server2"):
        # one line for each of its two workers
        wait_until(
            lambda server=server: len(set(UPLOADED.findall(cluster.log(server)))) == 2,
            20,
            f"{server} confirms twice",
        )
        assert len(UPLOADED.findall(cluster.log(server))) == 2

    page = requests.get(f"{cluster.admin}/", timeout=10)
    assert page.ok and "Log in" in page.text
    assert requests.get(
        f"{cluster.admin}/hansa/api/docs", auth=("admin", cluster.password), timeout=10
    ).ok
    assert requests.get(f"{cluster.admin}/hansa/api/docs", timeout=10).status_code == 401
    found = cluster.api("admin.service.list", filter="get-client").json()
    assert [item["name"] for item in found["items"]] == ["my-service.get-client-details"]
    made = cluster.api(
        "admin.channel.http.create",
        name="Get Client Details",
        url_path="/tutorial/first-service",
        service="my-service.get-client-details",
        format="json",
    )
    assert made.ok, made.text
    assert made.json()["pending"] == []
    assert len(made.json()["applied"]) == 4
    answer = requests.get(f"{cluster.front}/tutorial/first-service", timeout=10)
    assert (answer.status_code, answer.text) == (200, "")
    logged = [
        line
        for name in ("server1", "server2")
        for line in cluster.log(name).splitlines()
        if "'impl_name'" in line
    ]
    assert len(logged) == 1
    for wanted in (
        "my_service.GetClientDetails",
        "my-service.get-client-details",
        answer.headers["X-Zato-CID"],
        "http-soap",
    ):
        assert wanted in logged[0], logged[0]


def test_hansa_with_an_embedded_valkey(make_cluster):
    cluster = make_cluster()
    cluster.create()
    cluster.lighten(workers=2)
    for server in ("server1", "server2"):
        assert (
            cluster.run("check-config", cluster.path / server).stdout.splitlines()[0]
            == "SQL ODB connection OK"
        )
    follow(
        cluster,
        cluster.path / "hansa-qs-start.sh",
        ["kvdb started", "Redis connection OK", "SQL ODB connection OK"],
    )
    ok = "SQL ODB connection OK\nRedis connection OK\n"
    assert cluster.run("check-config", cluster.path / "server2").stdout == ok

    facts = json.loads(cluster.run("info", cluster.path, "--format", "json").stdout)
    assert list(facts) == ["kvdb", "load-balancer", "server1", "server2", "web-admin"]
    assert all(facts[name]["component_running"] for name in facts)
    assert facts["server1"]["master_proc_workers_no"] == 2
    assert facts["load-balancer"]["master_proc_connections"] == [
        f"127.0.0.1:{cluster.base + port}" for port in (0, 2, 3)
    ]

    again = cluster.run("start", cluster.path, check=False)
    assert again.returncode == 9
    assert "is already running" in again.stderr

    restarted = cluster.execute(cluster.path / "hansa-qs-restart.sh")
    assert "Hansa quickstart environment stopped" in restarted.stdout
    assert requests.get(
        f"{cluster.front}/tutorial/first-service", timeout=10
    ).ok  # what was made is still there
    lines = cluster.execute(cluster.path / "hansa-qs-stop.sh").stdout.splitlines()
    # on a busy machine it also says for what it waits
    stopped = [line for line in lines if "waiting for" not in line]
    assert stopped[1:-1] == [
        f"[{number}/5] {name} stopped"
        for number, name in enumerate(
            ["Web admin", "Load-balancer", "server1", "server2", "kvdb"], 1
        )
    ]
    assert not cluster.processes()
    assert not list(cluster.path.glob("*/pidfile"))


def test_zato_with_a_redis_of_debian(make_cluster, debian_redis):
    cluster = make_cluster("zato")
    created = cluster.run(
        "quickstart",
        "create",
        cluster.path,
        "sqlite",
        "localhost",
        str(debian_redis),
        "--kvdb_password",
        "",
        "--verbose",
        "--base_port",
        str(cluster.base),
    )
    assert created.stdout.endswith(
        f"Start the cluster by issuing the {cluster.path}/zato-qs-start.sh command\n"
    )
    cluster.lighten(workers=2)
    for server in ("server1", "server2"):
        checked = cluster.run("check-config", cluster.path / server)
        assert checked.stdout == "SQL ODB connection OK\nRedis connection OK\n"
        assert "Warning: Redis" in checked.stderr  # Debian's keeps no append-only file
    follow(
        cluster, cluster.path / "zato-qs-start.sh", ["Redis connection OK", "SQL ODB connection OK"]
    )

    invoke = ("service", "invoke", cluster.path / "server1")
    assert (
        cluster.run(*invoke, "my-service.get-client-details", "--payload", '{"a": 1}').stdout
        == "(None)\n"
    )
    ping = ast.literal_eval(cluster.run(*invoke, "zato.ping").stdout)
    assert ping["zato_ping_response"] == {"pong": "zato"}
    missing = cluster.run(*invoke, "no.such-service", check=False)
    assert missing.returncode == 1
    assert missing.stderr.startswith("404")

    table = cluster.run("info", cluster.path / "load-balancer").stdout.splitlines()
    assert table[:3] == [
        "+--------------------------------+--------------------------------+",
        "| Key                            | Value                          |",
        "+================================+================================+",
    ]
    assert len({len(line) for line in table}) == 1
    assert any(re.match(r"\| component_running +\| True +\|", line) for line in table)
    found = yaml.safe_load(cluster.run("info", cluster.path / "server1", "--format", "yaml").stdout)
    assert found["component_details"]["component"] == "SERVER"
    assert found["master_proc_pid"] == cluster.pid("server1")
    cluster.execute(cluster.path / "zato-qs-stop.sh")
    assert not cluster.processes()


def test_a_redis_that_may_lose_is_refused_where_that_is_forbidden(make_cluster, debian_redis):
    cluster = make_cluster()
    cluster.create("sqlite", "127.0.0.1", str(debian_redis), "--kvdb_password", "")
    config = cluster.path / "server1/config.toml"
    config.write_text(config.read_text().replace('durability = "fast"', 'durability = "durable"'))
    checked = cluster.run("check-config", cluster.path / "server1", check=False)
    assert checked.returncode == 15
    assert "appendonly" in checked.stderr
    started = cluster.run("start", cluster.path, check=False)
    assert started.returncode != 0
    assert "appendonly" in started.stderr
    assert not cluster.processes()


def test_users_of_zato_s_api(running):
    """They are let in by the passwords in the files, at each server and through the load-balancer."""
    file = running.path / "pubapi.password"
    old = file.read_text().strip()
    servers = [f"http://127.0.0.1:{running.base + 10 + number}" for number in range(2)]

    def statuses(word):
        return {
            requests.post(
                f"{address}/zato/json/zato.service.get-list",
                json={"cluster_id": 1},
                auth=("pubapi", word),
                timeout=30,
            ).status_code
            for address in [*servers, running.front]
        }

    assert statuses(old) == {200}
    running.run("update", "password", running.path, "pubapi", "--password", "a word of pubapi")
    assert file.read_text() == "a word of pubapi\n"
    wait_until(lambda: statuses("a word of pubapi") == {200} and statuses(old) == {401}, 60)


def test_the_password_of_the_admin_and_a_user_for_channels(running):
    old = running.password
    first = running.folder / "first"
    first.write_text("the first word\n")
    running.run("create", "user", running.path, "--username", "partner", "--password-file", first)
    running.run("update", "password", running.path, "partner", "--password", "the second word")
    channel = {
        "name": "p",
        "url_path": "/p",
        "service": "zato.ping",
        "security": "partner",
        "format": "json",
    }
    assert running.api("admin.channel.http.create", **channel).ok
    statuses = [
        requests.get(f"{running.front}/p", auth=("partner", word), timeout=10).status_code
        for word in ("the first word", "the second word")
    ]
    assert statuses == [401, 200]

    assert (
        running.run(
            "update", "password", running.path / "server2", "--password", "another one"
        ).stdout
        == "OK\n"
    )
    for number in range(8):  # every worker of every server
        url = f"http://127.0.0.1:{running.base + 10 + number % 2}/hansa/api/admin.server.status"
        assert requests.post(url, json={}, auth=("admin", "another one"), timeout=10).ok
    assert requests.post(url, json={}, auth=("admin", old), timeout=10).status_code == 401
    # given the folder of the cluster, the commands find its address and the new password
    assert "server2" in running.run("cluster", "status", "--dir", running.path).stdout
    wrong = running.run(
        "update", "password", running.path, "nobody", "--password", "x", check=False
    )
    assert wrong.returncode == 15
    assert "nobody" in wrong.stderr
