"""`hansa quickstart run`, which `make run` calls: a cluster that is made at the first run, where it
listens, what it takes anew.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace

import pytest
import requests
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_quickstart.addresses import Addresses, reachable, requested_address, url
from hansa_quickstart.component import Component
from hansa_quickstart.failure import Failure

from plugins.quickstart.tests.conftest import light_plugins

CONFIG = """
[server]
name = "mine"
workers = 1
say = ["try {http}/hello"]
[services]
files = ["hello.py"]
[channel.http.hello]
url_path = "/hello"
service = "hello.hello"
""" + light_plugins()
SOURCE = """from hansa import Service

class Hello(Service):
    def handle(self):
        return b"%s"
"""


def test_the_first_run_makes_it_and_the_next_one_goes_on(make_cluster, foreground):
    cluster = make_cluster()
    config, source = cluster.folder / "config.toml", cluster.folder / "hello.py"
    config.write_text(CONFIG)
    source.write_text(SOURCE % "one")
    port = free_port()
    words = ("quickstart", "run", cluster.path, "--include", config, "--http", f"127.0.0.1:{port}")
    first = foreground(cluster, *words).started()
    front = f"http://127.0.0.1:{port}"
    assert requests.get(f"{front}/hello", timeout=10).text == "one"
    assert f"HTTP for clients: {front}" in first.text
    assert f"try 127.0.0.1:{port}/hello" in first.text
    assert cluster.password in first.text
    assert (cluster.path / "admin.password").stat().st_mode & 0o777 == 0o600
    told = re.search(r"admin API: (http://127.0.0.1:\d+)/hansa/api/docs", first.text)
    assert told is not None
    page = told[1]
    assert requests.get(f"{page}/hansa/api/docs", auth=("admin", cluster.password), timeout=10).ok
    # the folder of the cluster is what commands are given, and where services are copied to
    (cluster.path / "pickup/late.py").write_text(SOURCE % "late")
    wait_until(
        lambda: "late.hello" in cluster.run("service", "list", "--dir", cluster.path).stdout, 20
    )
    again = cluster.run(*words, check=False)
    assert again.returncode == 9
    assert f"hansa stop {cluster.path}" in again.stderr
    first.interrupt()
    assert not cluster.processes()

    # elsewhere, with a changed configuration
    config.write_text(CONFIG.replace("/hello", "/bye"))
    source.write_text(SOURCE % "two")
    before, port = Addresses.read(Component(cluster.path)), free_port()
    second = foreground(cluster, *words[:-1], f"127.0.0.1:{port}").started()
    assert requests.get(f"http://127.0.0.1:{port}/bye", timeout=10).text == "two"
    assert requests.get(f"http://127.0.0.1:{port}/hello", timeout=10).status_code == 404
    assert cluster.password not in second.text
    after = Addresses.read(Component(cluster.path))
    assert (after.front, after.servers) == (f"127.0.0.1:{port}", before.servers)
    assert "Traceback" not in second.interrupt()
    assert not cluster.processes()
    taken = tomllib.loads((cluster.path / "server2/config.toml").read_text())
    assert taken["server"]["name"] == "server2"
    assert taken["server"]["workers"] == 1


def test_the_data_of_a_single_server_is_left_alone(make_cluster):
    cluster = make_cluster()
    (cluster.path / "run").mkdir(parents=True)
    (cluster.path / "run/server.lock").touch()
    done = cluster.run("quickstart", "run", cluster.path, check=False)
    assert done.returncode == 5
    assert "holds the data of a single server" in done.stderr
    assert f"hansa server run --config config.toml --dir {cluster.path}" in done.stderr
    assert [path.name for path in cluster.path.rglob("*")] == ["run", "server.lock"]


def test_addresses_around_a_front():
    usual = Addresses.default(2)
    assert usual == Addresses(
        "127.0.0.1:11223",
        "127.0.0.1:8183",
        ("127.0.0.1:17010", "127.0.0.1:17011"),
        "127.0.0.1:11224",
        "127.0.0.1:8184",
    )
    assert usual.moved_to("127.0.0.1:11223") == usual
    moved = usual.moved_to("127.0.0.1:18123")
    assert moved.front == "127.0.0.1:18123"
    others = {moved.admin, *moved.servers, moved.https, moved.relay}
    assert len(others) == 5
    assert not others & {usual.front, usual.admin, *usual.servers, usual.https, usual.relay}
    assert moved.front not in others
    without = replace(usual, https="")
    assert without.moved_to("127.0.0.1:18123").https == ""
    assert without.moved_to("127.0.0.1:11223") == without
    earlier = replace(usual, relay="")
    assert earlier.moved_to("127.0.0.1:18123").relay == ""
    assert earlier.moved_to("127.0.0.1:11223") == earlier
    assert moved.moved_to("127.0.0.1:18124").servers == moved.servers  # still free, so they stay
    assert moved.moved_to("127.0.0.1:11223") == usual


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("127.0.0.1:80", "http://127.0.0.1:80"),
        ("*:80", "http://127.0.0.1:80"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::1]:80", "http://[::1]:80"),
        ("[::]:80", "http://[::1]:80"),
        ("example.com:80", "http://example.com:80"),
    ],
)
def test_addresses_as_others_reach_them(address, shown):
    assert url(address) == shown
    assert reachable(address)[1] == 80


def test_an_address_that_is_given():
    assert requested_address("127.0.0.1:18123") == "127.0.0.1:18123"
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d+", requested_address("127.0.0.1:0"))
    for wrong in ("18123", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"):
        with pytest.raises(Failure, match="not an address HOST:PORT"):
            requested_address(wrong)
