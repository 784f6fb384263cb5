"""MQTT in a real server: the README's example, an outage, a message that kills its worker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.mqtt.tests.mosquitto import Mosquitto

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"
SERVICES = """
import os

from hansa import Service


class Take(Service):
    name = "orders.take"

    def handle(self):
        body = self.request.raw.decode()
        file = os.open("PATH", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, f"{body} {self.request.attempt}\\n".encode())
        os.close(file)
        if body == "crash":
            os._exit(1)
"""


@pytest.fixture
def peer():
    with Mosquitto() as peer:
        yield peer


def example(peer):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    here = f'"127.0.0.1"\nport = {peer.settings["port"]}\ntimeout = 3'
    return blocks["sensors.py"], blocks["config.toml"].replace('"mqtt.example.com"', here)


def states(server, name="sensors"):
    return str(server.api("admin.channel.mqtt.get", name=name)["states"])


def subscribed(server, name="sensors"):
    """Wait for the first subscription: what is published before it is nobody's."""
    wait_until(lambda: "running" in states(server, name), 20, lambda: states(server, name))


def edit(server, **settings):
    current = server.api("admin.channel.mqtt.get", name="sensors")
    revision = current["revision"]
    server.api("admin.channel.mqtt.edit", name="sensors", seen_revision=revision, **settings)


def test_the_example_works_through_an_outage_and_a_wrong_password(peer, start_server):
    source, config = example(peer)
    server = start_server(
        config, start=False, workers=1, plugins=["mqtt"], env={"MQTT_PASSWORD": peer.password}
    )
    (server.folder / "sensors.py").write_text(source)
    server.start()
    subscribed(server)
    with peer.reading("dead/sensors") as dead:
        peer.send("sensors/7/temperature", b'{"celsius": 90}', b'{"celsius": 20}', b"no number")
        wait_until(lambda: dead, 20)
        assert dead[0].payload == b"no number"
    assert peer.retained("alarms/7") == b"too hot"
    peer.kill()
    wait_until(lambda: "retrying" in states(server), 20)
    peer.start()
    wait_until(lambda: "retrying" not in states(server), 20)
    edit(server, password="wrong")
    wait_until(lambda: "check the settings username and password" in states(server), 20)
    peer.send("sensors/8/temperature", b'{"celsius": 91}')
    edit(server, password=peer.password)
    assert peer.retained("alarms/8") == b"too hot"


@pytest.mark.proof
@pytest.mark.parametrize("qos", [1, 2])
def test_kills_of_workers_lose_nothing_and_a_message_that_kills_is_given_up(
    peer, start_server, tmp_path, qos
):
    server = start_server(workers=2, plugins=["mqtt"])
    taken = tmp_path / "taken"
    server.deploy("orders.py", SERVICES.replace("PATH", str(taken)))
    settings = {**peer.settings, "topic": "orders", "qos": qos, "dead_letter_topic": "dead"}
    settings |= {"max_attempts": 2, "timeout": 3, "service": "orders.take"}
    server.api("admin.channel.mqtt.create", name="orders", **settings, dead_letter_retain=True)
    subscribed(server, "orders")
    count = 400

    def found():
        return taken.read_text().split("\n") if taken.exists() else []

    for start in range(0, count, 100):
        peer.send("orders", *[b"%d" % number for number in range(start, start + 100)], qos=qos)
        if start == 100:
            peer.send("orders", b"crash", qos=qos)
        if start == 200:
            wait_until(lambda: len(found()) > 150, 30)
            peer.restart()  # killed, it forgets what it had confirmed and not saved yet
    assert peer.retained("dead") == b"crash"
    wait_until(
        lambda: {line.split()[0] for line in found() if line} >= set(map(str, range(count))), 60
    )
    lines = [line for line in found() if line]
    assert [line for line in lines if line.startswith("crash")] == ["crash 1", "crash 2"]
    assert len(lines) - count - 2 <= 3 * 20, "more came twice than were in hand"
