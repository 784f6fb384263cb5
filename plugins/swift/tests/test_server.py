"""Objects of Swift in a real server of Hansa: the README's example, an outage, a key put right by an edit."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until

from plugins.connect.tests.quick_leases import QUICK_LEASES

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"
SERVICES = """
import os

from hansa import Service


class Take(Service):
    name = "objects.take"

    def handle(self):
        name = self.request.headers["object-name"]
        with open("PATH", "a") as file:
            file.write(f"{name}\\n")
        if name.endswith("crash"):
            os._exit(1)
"""


def example(peer):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    here = f'"{peer.address}"\ntls_ca = "{peer.pem}"\ntimeout = 3\nauth_type = "v1password"'
    config = blocks["config.toml"].replace('"https://identity.example.com/v3"', here)
    config = config.replace('project = "billing"\n', "")
    return blocks["orders.py"], config.replace('"hansa"', f'"{peer.username}"')


def watching(peer):
    settings = peer.settings
    containers = [settings.pop("container")]
    return {**settings, "containers": containers}


def states(server):
    return str(server.api("admin.channel.swift.get", name="orders")["states"])


def test_the_example_works_through_an_outage_and_wrong_keys(peer, start_server):
    source, config = example(peer)
    config = config.replace("[channel.swift.orders]", "[channel.swift.orders]\ninterval = 0.3")
    server = start_server(
        config,
        start=False,
        workers=1,
        plugins=["swift", "http", "json"],
        env={"SWIFT_PASSWORD": peer.password},
    )
    (server.folder / "orders.py").write_text(source)
    server.start()
    peer.put("in/1.json", b'{"id": "7", "total": 12}')
    peer.put("in/2.json", b'{"total": 12}')
    wait_until(lambda: peer.names("archive/7.json"), 20, server.log)
    wait_until(lambda: len(peer.names("failed/")) == 2 and not peer.names("in/"), 20)
    peer.kill()
    wait_until(lambda: "retrying" in states(server), 20)
    peer.start()
    peer.put("in/3.json", b'{"id": "8", "total": 12}')
    wait_until(lambda: peer.names("archive/8.json"), 60)


def test_a_key_is_put_right_by_an_edit(peer, start_server, tmp_path):
    server = start_server(workers=1, plugins=["swift"])
    server.deploy("objects.py", SERVICES.replace("PATH", str(tmp_path / "taken")))
    settings = {**watching(peer), "interval": 0.3, "service": "objects.take", "prefix": "edit/"}
    wrong = {**settings, "password": "wrong-one"}
    server.api("admin.channel.swift.create", name="orders", after="delete", **wrong)
    wait_until(lambda: "check the settings username and password" in states(server), 20)
    assert "wrong-one" not in states(server)
    right = {"password": peer.password}
    server.api("admin.channel.swift.edit", name="orders", **right)
    peer.put("edit/1", b"1")
    wait_until(lambda: not peer.names("edit/"), 20)


@pytest.mark.proof
def test_an_object_that_kills_its_worker_is_given_up_and_the_others_go_through(
    peer, start_server, tmp_path
):
    server = start_server(workers=2, plugins=["swift"])
    server.deploy("objects.py", QUICK_LEASES + SERVICES.replace("PATH", str(tmp_path / "taken")))
    settings = {**watching(peer), "interval": 0.5, "max_attempts": 2, "service": "objects.take"}
    names = [f"kill/{number:03}" for number in range(60)]
    for name in [*names[:30], "kill/030-crash", *names[30:]]:
        peer.put(name, b"1")
    settings |= {"prefix": "kill/", "after": "delete"}
    # the worker that answers may be the one that the object ends
    with contextlib.suppress(requests.ConnectionError):
        server.api("admin.channel.swift.create", name="kill", **settings)
    wait_until(lambda: len(peer.names("failed/kill/")) == 2, 90)
    wait_until(lambda: not peer.names("kill/"), 60)
    taken = (tmp_path / "taken").read_text().split()
    assert taken.count("kill/030-crash") == 2 and set(names) <= set(taken)
