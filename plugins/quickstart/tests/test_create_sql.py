"""A cluster on a real PostgreSQL and on a real MariaDB: created, started, deployed to, invoked,
edited, and stopped.
"""

from __future__ import annotations

import re
import time

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from sqlalchemy.engine import make_url

SERVICE = """from hansa import Service

class Greet(Service):
    name = "greet"
    def handle(self):
        return {"greeting": "VERSION é 🌍", "server": self.server.name}
"""


@pytest.mark.parametrize(("type", "cls"), [("postgresql", PostgreSQL), ("mysql", MariaDB)])
def test_a_cluster_on_it_works(make_cluster, real_server, type, cls):
    server, cluster = real_server(cls), make_cluster()
    url = make_url(server.database())
    cluster.env["HANSA_ODB_PASSWORD"] = server.password
    words = ["--odb_host", "127.0.0.1", "--odb_port", str(server.port), "--odb_user", server.user]
    done = cluster.create(type, *words, "--odb_db_name", url.database)
    assert "[2/8] ODB schema created" in done.stdout
    assert server.password not in done.stdout + done.stderr
    cluster.lighten()
    cluster.run("check-config", cluster.path / "server1")
    cluster.run("start", cluster.path)

    def must(service, /, **settings):
        answer = cluster.api(service, **settings)
        assert answer.ok, answer.text
        return answer.json()

    workers = wait_until(
        lambda: (found := must("admin.server.status")["workers"]) and len(found) >= 2 and found
    )
    told = must("admin.service.deploy", file="greet.py", source=SERVICE.replace("VERSION", "one"))
    assert (told["version"], told["pending"]) == (1, [])
    assert {worker.partition("/")[0] for worker in told["applied"]} == {"server1", "server2"}, (
        workers
    )
    must(
        "admin.channel.http.create", name="greet", url_path="/greet", service="greet", format="json"
    )
    must(
        "admin.channel.http.create", name="Greet", url_path="/Greet", service="greet", format="json"
    )
    assert requests.get(cluster.front + "/greet", timeout=10).json()["greeting"] == "one é 🌍"
    must("admin.service.deploy", file="greet.py", source=SERVICE.replace("VERSION", "two"))
    began = time.monotonic()
    told = must("admin.channel.http.edit", name="greet", url_path="/greet/again")
    assert not told["pending"]
    assert time.monotonic() - began < 5
    for path, status in (("/greet/again", 200), ("/greet", 404), ("/Greet", 200)):
        answers = [requests.get(cluster.front + path, timeout=10) for _ in range(6)]
        assert {answer.status_code for answer in answers} == {status}, path
    assert {
        requests.get(cluster.front + "/Greet", timeout=10).json()["greeting"] for _ in range(6)
    } == {"two é 🌍"}
    cluster.run("stop", cluster.path)
    assert not cluster.processes()
    faults = re.findall(
        r"^.*(?:Violation|Deadlock|Traceback|ODB cannot be used).*$", cluster.logs(), re.M
    )
    assert not faults


@pytest.mark.parametrize(("type", "cls"), [("postgresql", PostgreSQL), ("mysql", MariaDB)])
def test_a_wrong_password_is_told_and_leaves_nothing(make_cluster, real_server, type, cls):
    server, cluster = real_server(cls), make_cluster()
    words = [
        type,
        "127.0.0.1",
        str(server.port),
        server.user,
        "none",
        "127.0.0.1",
        "6379",
        "--kvdb_password",
        "",
    ]
    done = cluster.run(
        "quickstart", "create", cluster.path, *words, "--odb_password", "wr0ng-w0rd", check=False
    )
    assert done.returncode == 4
    assert "cannot be reached" in done.stderr
    assert "wr0ng-w0rd" not in done.stdout + done.stderr
    assert not cluster.path.exists()
