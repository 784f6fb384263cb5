"""A real server: the README's example through an outage, wrong logins, and a message that ends workers."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest
import requests
from hansa_devkit.harness.api_server import ApiError
from hansa_devkit.harness.waiting import wait_until

from plugins.connect.tests.quick_leases import QUICK_LEASES
from plugins.jms.tests.activemq import ActiveMQ

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"
SERVICES = """
import os
import threading

from hansa import Service

lock = threading.Lock()


class Take(Service):
    name = "jms.take"

    def handle(self):
        body = self.request.raw.decode()
        with lock, open("PATH", "a") as file:
            file.write(f"{body} {self.request.attempt}\\n")
        if body == "crash":
            os._exit(1)


class Send(Service):
    name = "jms.send"

    def handle(self):
        self.outgoing.jms["out"].send(self.request.raw.decode())
"""


@pytest.fixture(scope="module")
def peer():
    """A broker of its own, since it is killed."""
    with ActiveMQ() as peer:
        yield peer


@pytest.fixture
def running(peer):
    if not peer.is_running():
        peer.start()
    return peer


def example(peer):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    here = f'"127.0.0.1"\nport = {peer.port}\ntimeout = 3\nheartbeat = 1'
    config = blocks["config.toml"].replace('"mq.example.com"', here, 1)
    here = f'"127.0.0.1"\nport = {peer.port}\ntimeout = 3'
    return blocks["orders.py"], config.replace('"mq.example.com"', here)


def states(server, kind, type, name):
    return str(server.api(f"admin.{kind}.{type}.get", name=name)["states"])


def test_the_example_works_through_an_outage(running, start_server):
    source, config = example(running)
    server = start_server(
        config, start=False, workers=1, plugins=["jms"], env={"MQ_PASSWORD": running.password}
    )
    (server.folder / "orders.py").write_text(source)
    server.start()
    running.send(
        "/queue/orders", '{"number": 1, "pieces": 2}', correlation_="c-1", reply_="/queue/answers"
    )
    running.send("/queue/orders", '{"number": 2, "pieces": 2000}')
    running.send("/queue/orders", "no order")
    [priced] = running.read("/queue/answers", most=1, patience=20)
    assert json.loads(priced[".body"]) == {"number": 1, "total": 10}
    assert priced[".correlation"] == "c-1"
    wait_until(lambda: running.count("orders.dead-letter") == 2, 20, server.log)
    running.kill()
    for kind, name in (("channel", "orders"), ("outgoing", "answers")):
        with contextlib.suppress(ApiError):  # else one that is idle is asked every 10 s
            server.api(f"admin.{kind}.jms.ping", name=name)
        wait_until(lambda kind=kind, name=name: "retrying" in states(server, kind, "jms", name), 20)
    running.start()
    running.send(
        "/queue/orders", '{"number": 3, "pieces": 3}', correlation_="c-3", reply_="/queue/answers"
    )
    [priced] = running.read("/queue/answers", most=1, patience=30)
    assert json.loads(priced[".body"]) == {"number": 3, "total": 15}
    for kind, name in (("channel", "orders"), ("outgoing", "answers")):
        wait_until(
            lambda kind=kind, name=name: "retrying" not in states(server, kind, "jms", name), 20
        )
    assert running.password not in server.log()


@pytest.mark.proof
def test_a_message_that_ends_its_worker_is_given_up_and_no_other_with_it(
    running, start_server, tmp_path
):
    server = start_server(workers=2, plugins=["jms"])
    server.deploy("services.py", QUICK_LEASES + SERVICES.replace("PATH", str(tmp_path / "taken")))
    common = {**running.settings, "service": "jms.take", "max_attempts": 2, "first_delay": 0.05}
    running.send("/queue/crashes", "{}", count=100)
    running.send("/queue/crashes", "crash")
    running.send("/queue/crashes", "next-{}", count=100)
    # the worker that answers may be the one that the message ends
    with contextlib.suppress(requests.ConnectionError):
        server.api("admin.channel.jms.create", name="in", queue="crashes", **common)
    wait_until(lambda: running.count("crashes.dead-letter") == 1, 60, server.log)
    expected = {str(number) for number in range(100)} | {f"next-{number}" for number in range(100)}
    taken = tmp_path / "taken"
    wait_until(lambda: {line.split()[0] for line in taken.read_text().splitlines()} >= expected, 30)
    wait_until(lambda: running.count("crashes") == 0, 20)
    lines = taken.read_text().splitlines()
    assert [line for line in lines if line.startswith("crash")] == ["crash 1", "crash 2"]
    [dead] = running.read("/queue/crashes.dead-letter", most=1)
    assert dead["hansaCause"].startswith("Unavailable: each worker that handled it ended")
    # the same for a durable subscription, of which the broker does not say that it delivers again
    server.api("admin.channel.jms_topic.create", name="news", topic="news", **common)
    wait_until(lambda: "running" in states(server, "channel", "jms_topic", "news"), 20)
    running.send("/topic/news", "topic-{}", count=20)
    running.send("/topic/news", "crash")
    running.send("/topic/news", "last-{}", count=20)
    wait_until(lambda: running.count("news.dead-letter") == 1, 60, server.log)
    expected = {f"topic-{number}" for number in range(20)} | {
        f"last-{number}" for number in range(20)
    }
    wait_until(lambda: {line.split()[0] for line in taken.read_text().splitlines()} >= expected, 30)


def test_wrong_logins_are_told_and_a_right_one_heals(running, start_server, tmp_path):
    server = start_server(workers=1, plugins=["jms"])
    server.deploy("services.py", SERVICES.replace("PATH", str(tmp_path / "taken")))
    server.api("admin.channel.http.create", name="send", url_path="/send", service="jms.send")
    wrong = {**running.settings, "password": "wrong-one"}
    server.api("admin.outgoing.jms.create", name="out", queue="healed", **wrong)
    server.api("admin.channel.jms.create", name="in", queue="healed", service="jms.take", **wrong)
    both = (("outgoing", "out"), ("channel", "in"))
    for kind, name in both:
        wait_until(lambda kind=kind, name=name: "retrying" in states(server, kind, "jms", name), 20)
        told = states(server, kind, "jms", name)
        assert "check the settings username and password" in told and "wrong-one" not in told
    refused = server.post("/send", b"x")
    assert refused.status_code == 503
    for kind, name in both:
        server.api(f"admin.{kind}.jms.edit", name=name, password=running.password)
        wait_until(
            lambda kind=kind, name=name: "retrying" not in states(server, kind, "jms", name), 20
        )
    assert server.post("/send", b"through").status_code == 200
    wait_until(
        lambda: (tmp_path / "taken").exists() and "through 1" in (tmp_path / "taken").read_text(),
        20,
    )
    assert "wrong-one" not in server.log()
