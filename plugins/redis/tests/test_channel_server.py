"""Channels in a real server: the README's example, Valkey killed and back, a message that kills."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.redis.tests.test_channel_contract import Peer

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
    with Peer() as peer:
        yield peer


def states(server, name="orders"):
    return str(server.api("admin.channel.redis.get", name=name)["states"])


def edit(server, **settings):
    current = server.api("admin.channel.redis.get", name="orders")
    revision = current["revision"]
    server.api("admin.channel.redis.edit", name="orders", seen_revision=revision, **settings)


def test_the_example_works_through_an_outage_and_a_wrong_password(peer, start_server):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    here = f'"127.0.0.1"\nport = {peer.port}\ntimeout = 3'
    config = blocks["config.toml"].replace('"redis.example.com"', here)
    server = start_server(
        config, start=False, workers=1, plugins=["redis"], env={"REDIS_PASSWORD": peer.password}
    )
    (server.folder / "orders.py").write_text(blocks["orders.py"])
    server.start()
    with peer.client() as redis:
        for body in (b'{"pieces": 3}', b'{"pieces": 2000}', b"no order"):
            redis.xadd("orders", {"body": body})
        wait_until(lambda: redis.get("pieces") == b"3", 20)
        wait_until(lambda: redis.xlen("orders.dead-letter") == 2, 20)
        dead = {fields[b"body"]: fields for _, fields in redis.xrange("orders.dead-letter")}
    assert b"nobody has so many" in dead[b'{"pieces": 2000}'][b"x-hansa-cause"]
    peer.kill()
    wait_until(lambda: "retrying" in states(server), 20)
    peer.start()
    wait_until(lambda: "retrying" not in states(server), 20)
    edit(server, password="wrong")
    wait_until(lambda: "check the settings username and password" in states(server), 20)
    with peer.client() as redis:
        redis.xadd("orders", {"body": b'{"pieces": 4}'})
        edit(server, password=peer.password)
        wait_until(lambda: redis.get("pieces") == b"7", 20)


@pytest.mark.proof
@pytest.mark.parametrize("source", ["stream", "list"])
def test_kills_lose_nothing_and_a_message_that_kills_is_given_up(
    peer, start_server, tmp_path, source
):
    server = start_server(workers=2, plugins=["redis"])
    taken = tmp_path / "taken"
    server.deploy("orders.py", SERVICES.replace("PATH", str(taken)))
    settings = {**peer.settings, "key": "in", "source": source, "timeout": 3, "max_attempts": 2}
    server.api("admin.channel.redis.create", name="orders", service="orders.take", **settings)
    count = 400

    def send(*bodies):
        with peer.client() as redis:
            for body in bodies:
                if source == "stream":
                    redis.xadd("in", {"body": body})
                else:
                    redis.lpush("in", body)

    def found():
        return [line for line in taken.read_text().split("\n") if line] if taken.exists() else []

    for start in range(0, count, 100):
        send(*[b"%d" % number for number in range(start, start + 100)])
        if start == 100:
            send(b"crash")
        if start == 200:
            wait_until(lambda: len(found()) > 150, 30)
            peer.kill()
            peer.start()
    everything = set(map(str, range(count)))
    wait_until(lambda: {line.split()[0] for line in found()} >= everything, 60)
    with peer.client() as redis:
        wait_until(lambda: redis.xlen("in.dead-letter") == 1, 60)
        [(_, fields)] = redis.xrange("in.dead-letter")
    assert fields[b"body"] == b"crash"
    assert [line for line in found() if line.startswith("crash")] == ["crash 1", "crash 2"]
    assert len(found()) - count - 2 <= 3 * 20, "more came twice than were in hand"
