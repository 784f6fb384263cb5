"""The load-balancer before two real servers: the address of the caller, the admin services, the
commands, and rolling restarts.
"""

from __future__ import annotations

import json
import signal
from collections import Counter

import pytest
from hansa_devkit.harness.api_server import ApiError, servers
from hansa_devkit.harness.waiting import wait_until

from plugins.loadbalancer.tests.support import PROGRAMS, Backend, Posts, RunningBalancer, call

SOURCE = '''
import os
from hansa import Model, Service

class Count(Service):
    """Writes the number of each request down, once, and tells who asked and who answers."""

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
        environ = self.request.environ
        return {{"server": self.server.name, "peer": self.request.peer, "scheme": environ["wsgi.url_scheme"],
                "forwarded": sorted(k for k in environ if "FORWARD" in k or "REAL_IP" in k or "PROXY" in k)}}
'''
SECRET = "only-the-balancer-knows"
CONFIG = """
[server]
name = "{name}"
[http]
trusted_proxies = ["127.0.0.1"]
proxy_secret = "{secret}"
grace = 1.5
[loadbalancer]
socket = "{socket}"
[channel.http.count]
url_path = "/count"
service = "counting.count"
format = "json"
[services]
files = ["counting.py"]
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two servers, and a load-balancer before them; `runs` is the file in which requests are
    written down.
    """
    folder = tmp_path_factory.mktemp("cluster")
    balancer = RunningBalancer(
        folder / "balancer", next(iter(PROGRAMS.values())), {}, proxy_secret=SECRET
    )
    balancer.runs.touch()
    with servers(folder) as make:
        made = []
        for number in (1, 2):
            socket = balancer.control.runtime.path
            text = CONFIG.format(name=f"server{number}", socket=socket, secret=SECRET)
            server = make(text, start=False)
            (server.folder / "counting.py").write_text(SOURCE.format(path=str(balancer.runs)))
            made.append(server.launch())
        for server in made:
            wait_until(server.ready, 60, "a server")
        text = balancer.config.read_text()
        for number, server in enumerate(made, 1):
            text += (
                "[[loadbalancer.servers]]\n"
                f'name = "server{number}"\n'
                f'address = "127.0.0.1:{server.port}"\n'
            )
        balancer.config.write_text(text)
        balancer.start()
        balancer.servers = made
        try:
            yield balancer
            balancer.stop()
        finally:
            balancer.kill()


@pytest.fixture
def api(cluster):
    """Call an admin service of the first server."""
    return lambda action, **settings: cluster.servers[0].api(
        f"admin.loadbalancer.{action}", settings
    )


def exactly_once(cluster, posts) -> None:
    """Every request was answered, and ran once."""
    assert not posts.faults, posts.faults[:5]
    runs = Counter(cluster.runs.read_text().split())
    assert len(runs) == posts.sent
    assert set(runs.values()) == {1}


@pytest.fixture(autouse=True)
def fresh(cluster):
    """No requests written down yet, and both servers in use."""
    cluster.runs.write_text("")
    wait_until(
        lambda: all(cluster.status(name).startswith("UP") for name in ("server1", "server2"))
    )


def test_servers_see_the_true_address_and_believe_nobody_else(cluster):
    forged = {
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Proto": "https",
        "X-Real-IP": "192.0.2.7",
        "Forwarded": "for=192.0.2.7",
    }
    seen = set()
    for number in range(4):
        body = json.dumps({"number": number})
        status, headers, answer = call(
            cluster.port,
            "POST",
            "/count",
            body,
            {**forged, "X-Hansa-CID": f"Kmine{number}", "Content-Type": "application/json"},
        )
        assert (status, answer["peer"], answer["scheme"]) == (200, "127.0.0.1", "http")
        assert answer["forwarded"] == ["HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"]
        assert headers["x-hansa-cid"] == f"Kmine{number}"
        seen.add(answer["server"])
    assert seen == {"server1", "server2"}


def test_a_program_on_the_same_machine_cannot_pretend_to_be_the_load_balancer(cluster):
    for proof in ({}, {"X-Hansa-Proxy": "another secret"}, {"X-Hansa-Proxy": f"{SECRET}, x"}):
        forged = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", **proof}
        status, _, answer = call(
            cluster.servers[0].port,
            "POST",
            "/count",
            json.dumps({"number": 1}),
            {**forged, "Content-Type": "application/json"},
        )
        assert (status, answer["peer"], answer["scheme"]) == (200, "127.0.0.1", "http")
        assert answer["forwarded"] == []


def test_servers_are_listed_weighed_drained_and_made_ready(cluster, api):
    found = api("servers")
    assert [item["name"] for item in found["items"]] == ["server1", "server2"]
    assert found["total"] == 2
    assert found["items"][0]["status"].startswith("UP")
    assert found["items"][0]["check_result"].startswith("L7OK")
    with Posts(cluster.port, "/count", clients=3) as posts:
        assert api("weight", name="server1", weight=1) == {"name": "server1", "how": "live"}
        assert api("drain", name="server2")["how"] == "live"
        wait_until(lambda: api("servers")["items"][1]["active"] == 0)
        before = api("servers")["items"][1]
        posts.wait_for(30)
        after = api("servers")["items"][1]
        assert after["requests"] == before["requests"]
        assert (after["state"], after["status"]) == ("drain", "DRAIN")
        assert api("maint", name="server2")["how"] == "live"
        assert api("ready", name="server2")["how"] == "live"
        assert api("weight", name="server1", weight=100)["how"] == "live"
    exactly_once(cluster, posts)


def test_a_server_is_added_and_removed(cluster, api):
    backend = Backend("third")
    assert api("add", name="third", address=backend.address, weight=200) == {
        "name": "third",
        "how": "live",
    }
    wait_until(lambda: cluster.get("/who")[2].get("server") == "third")
    assert f'address = "{backend.address}"' in api("source")["stored"]
    assert f"server third {backend.address} weight 200" in api("source")["generated"]
    with pytest.raises(ApiError, match="already"):
        api("add", name="third", address=backend.address)
    assert api("remove", name="third")["how"] in ("live", "reload")
    assert "third" not in api("source")["generated"]
    backend.stop()


@pytest.mark.parametrize(
    ("action", "settings", "status", "fault"),
    [
        ("add", {"name": "a b", "address": "127.0.0.1:1"}, 400, "name"),
        ("add", {"name": "x", "address": "127.0.0.1:1\n    stats enable"}, 400, "address"),
        ("add", {"name": "x", "address": "127.0.0.1"}, 400, "address"),
        ("add", {"name": "x", "address": "127.0.0.1:1", "wait": 1}, 400, "wait"),
        ("weight", {"name": "server1", "weight": 300}, 400, "weight"),
        ("drain", {"name": "nobody"}, 404, ""),
        ("command", {"command": "shutdown frontend clients"}, 400, "command"),
        ("command", {"command": "show info;shutdown frontend clients"}, 400, "command"),
        ("command", {"command": "show info\nshutdown frontend clients"}, 400, "command"),
        ("command", {"command": "show env"}, 400, "command"),
        ("save", {"stored": "[loadbalancer]\nbind = 1"}, 400, "loadbalancer.bind"),
        ("save", {"stored": ""}, 400, "stored"),
        ("save", {"stored": "[loadbalancer]", "seen": "x"}, 409, ""),
        ("restore", {"version": 999}, 404, ""),
        ("source", {"version": 999}, 404, ""),
    ],
)
def test_what_is_wrong_is_refused_by_setting(cluster, api, action, settings, status, fault):
    before = api("source")
    with pytest.raises(ApiError) as refused:
        api(action, **settings)
    assert refused.value.status == status
    assert not fault or fault in refused.value.problem["errors"]
    assert api("source") == before
    assert cluster.get("/hansa/load-balancer/alive")[0] == 200


def test_statistics_and_commands(api):
    found = api("statistics")
    assert found["info"]["Name"] == "HAProxy"
    rows = {(row["pxname"], row["svname"]): row for row in found["items"]}
    assert {
        ("clients", "FRONTEND"),
        ("servers", "server1"),
        ("servers", "server2"),
        ("servers", "BACKEND"),
    } <= set(rows)
    assert isinstance(rows["servers", "BACKEND"]["stot"], int)
    assert "Uptime" in api("command", command="show info")["answer"]
    assert "server1" in api("command", command="show servers state")["answer"]


def test_services_are_described(cluster):
    from requests import get

    server = cluster.servers[0]
    paths = get(
        server.url + "/hansa/api/openapi.json", auth=("admin", server.password), timeout=30
    ).json()["paths"]
    actions = [
        "servers",
        "add",
        "remove",
        "weight",
        "drain",
        "maint",
        "ready",
        "statistics",
        "command",
        "source",
        "versions",
        "check",
        "save",
        "restore",
        "reload",
    ]
    assert {f"/hansa/api/admin.loadbalancer.{action}" for action in actions} <= set(paths)


def test_the_command_line(cluster):
    cli = cluster.servers[1].cli  # any server of the cluster will do
    assert "server2" in cli("loadbalancer", "servers").stdout
    assert (
        cli("loadbalancer", "weight", "server1", "50").stdout
        == "server1 weighs 50 (changed live)\n"
    )
    assert json.loads(cli("loadbalancer", "servers", "--json").stdout)["items"][0]["weight"] == 50
    assert (
        cli("loadbalancer", "drain", "server1").stdout
        == "server1 gets nothing new (changed live)\n"
    )
    assert (
        cli("loadbalancer", "drain", "server1").stdout
        == "server1 gets nothing new (it was so already)\n"
    )
    assert "DRAIN" in cli("loadbalancer", "servers").stdout
    assert (
        cli("loadbalancer", "ready", "server1").stdout == "server1 gets requests (changed live)\n"
    )
    assert cli("loadbalancer", "weight", "server1", "100").returncode == 0
    assert "BACKEND" in cli("loadbalancer", "statistics").stdout
    assert "Pid:" in cli("loadbalancer", "command", "show", "info").stdout
    assert "frontend clients" in cli("loadbalancer", "source").stdout
    stored = cluster.config.read_text().replace(SECRET, "********")
    assert cli("loadbalancer", "source", "--stored").stdout == stored
    assert SECRET not in cli("loadbalancer", "source").stdout
    assert "serves at" in cli("loadbalancer", "reload").stdout
    refused = cli("loadbalancer", "remove", "nobody", check=False)
    assert refused.returncode == 1
    assert "no server 'nobody' (there are: server1, server2)" in refused.stderr


def test_a_configuration_is_edited_by_command_and_taken_back(cluster, api, tmp_path):
    cli = cluster.servers[1].cli
    before = cluster.config.read_text()
    file = tmp_path / "config.toml"
    shown = cli("loadbalancer", "source", "--stored").stdout
    file.write_text(shown.replace("[loadbalancer]", "[loadbalancer]\nretries = 99"))
    line = file.read_text().splitlines().index("retries = 99") + 1
    refused = cli("loadbalancer", "check", str(file), check=False)
    assert refused.returncode == 1
    assert f"loadbalancer.retries: line {line}: " in refused.stderr
    assert cli("loadbalancer", "save", str(file), check=False).returncode == 1
    assert cluster.config.read_text() == before
    file.write_text(shown.replace("[loadbalancer]", "[loadbalancer]\nretries = 2"))
    said = cli("loadbalancer", "check", str(file)).stdout
    assert said == f"{file} can be saved, by a reload\n"
    seen = api("source")["digest"]
    said = cli("loadbalancer", "save", str(file), "--seen", seen).stdout
    assert said == f"{file} serves (by a reload)\n"
    assert cluster.config.read_text() == before.replace(
        "[loadbalancer]", "[loadbalancer]\nretries = 2"
    ), "with the secret"
    stale = cli("loadbalancer", "save", str(file), "--seen", seen, check=False)
    assert stale.returncode == 1 and "read it again" in stale.stderr
    number = api("versions")["items"][0]["number"]
    listed = cli("loadbalancer", "versions").stdout
    assert "admin" in listed
    assert cli("loadbalancer", "source", "--version", str(number)).stdout == shown
    template = tmp_path / "mine.template"
    template.write_text(cli("loadbalancer", "source", "--template").stdout + "nonsense\n")
    wrong = cli("loadbalancer", "check", str(file), "--template", str(template), check=False)
    assert "loadbalancer.template, line " in wrong.stderr
    said = cli("loadbalancer", "restore", str(number)).stdout
    assert said == f"version {number} serves again (by a reload)\n"
    assert cluster.config.read_text() == before

    def recorded() -> set[str]:
        listed = cluster.servers[0].api("admin.audit.list", text="admin.loadbalancer")["items"]
        assert "retries" not in json.dumps(listed), "texts are not recorded"
        return {row["service"].removeprefix("admin.loadbalancer.") for row in listed}

    wait_until(lambda: {"save", "restore"} <= recorded(), 30, "the audit has them")


@pytest.mark.proof
def test_reloads_and_rolling_restarts_of_real_servers_lose_nothing(cluster, api):
    with Posts(cluster.port, "/count", clients=4) as posts:
        for server, name in zip(cluster.servers, ("server1", "server2"), strict=True):
            posts.wait_for(20)
            api("reload") if name == "server2" else None
            server.signal(signal.SIGTERM)
            server.process.wait(40)
            wait_until(lambda name=name: cluster.status(name) == "DOWN")
            posts.wait_for(20)
            server.start()
            wait_until(lambda name=name: cluster.status(name).startswith("UP"))
        posts.wait_for(20)
    exactly_once(cluster, posts)


def test_without_a_load_balancer_it_says_so(cluster, api):
    cluster.stop()
    with pytest.raises(ApiError, match="no load-balancer runs in") as refused:
        api("servers")
    assert refused.value.status == 503
    cluster.start()
