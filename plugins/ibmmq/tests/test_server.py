"""A running server: the README's example through an outage, wrong logins, and a message that ends workers."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until

from plugins.ftp.tests.servers import certificate
from plugins.ibmmq.tests.mqweb_server import MqwebServer

pytestmark = pytest.mark.evidence("kills")
README = Path(__file__).parents[1] / "README.md"
SERVICE = """
import os

from hansa import Service


class Take(Service):
    name = "mq.take"

    def handle(self):
        body = self.request.raw.decode()
        with open("PATH", "a") as file:
            file.write(f"{body} {self.request.attempt}\\n")
        if body == "crash":
            os._exit(1)
"""


def states(server, kind, name):
    return str(server.api(f"admin.{kind}.ibmmq.get", name=name)["states"])


def test_the_example_works_through_an_outage(start_server, tmp_path):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    pem = tmp_path / "server.pem"
    pem.write_text(certificate("127.0.0.1"))
    with MqwebServer(pem) as mqweb:
        mqweb.queue_manager, mqweb.username = "QM1", "app"
        mqweb.make("ORDERS", "ORDERS.DEAD", "ANSWERS")
        here = f'"127.0.0.1"\nport = {mqweb.port}\ntls_ca = "{pem}"'
        server = start_server(
            blocks["config.toml"].replace('"mq.example.com"', here),
            start=False,
            workers=1,
            plugins=["ibmmq"],
            env={"MQ_PASSWORD": mqweb.password},
        )
        (server.folder / "orders.py").write_text(blocks["orders.py"])
        server.start()
        fields = {"replyto": "ANSWERS@QM1"}
        id = mqweb.put("ORDERS", '{"number": 1, "pieces": 2}', **fields)
        refused = {'{"number": 2, "pieces": 2000}', "no order"}
        for body in refused:
            mqweb.put("ORDERS", body, **fields)
        # delivery is at least once: on a machine that stands still, a dead letter may come twice
        wait_until(lambda: set(mqweb.bodies("ORDERS.DEAD")) == refused, 20, server.log)
        wait_until(lambda: mqweb.bodies("ANSWERS"), 20, server.log)
        priced = mqweb.queues["ANSWERS"][0]
        assert json.loads(priced.body) == {"number": 1, "total": 10}
        assert priced.fields["correlationid"] == id
        mqweb.kill()
        wait_until(lambda: "retrying" in states(server, "channel", "orders"), 20)
        mqweb.start()
        mqweb.put("ORDERS", '{"number": 3, "pieces": 3}', **fields)
        third = json.dumps({"number": 3, "total": 15})
        wait_until(lambda: third in mqweb.bodies("ANSWERS"), 30, server.log)
        assert mqweb.password not in server.log() and not mqweb.complaints


def test_a_wrong_login_is_told_and_a_right_one_heals(start_server, tmp_path):
    with MqwebServer() as mqweb:
        mqweb.make("IN", "DEAD")
        server = start_server(workers=1, plugins=["ibmmq"])
        server.deploy("mq.py", SERVICE.replace("PATH", str(tmp_path / "taken")))
        given = {
            **mqweb.settings,
            "queue": "IN",
            "dead_letter_queue": "DEAD",
            "password": "wrong-one",
        }
        server.api("admin.channel.ibmmq.create", name="in", service="mq.take", **given)
        wait_until(lambda: "retrying" in states(server, "channel", "in"), 20)
        told = states(server, "channel", "in")
        assert "check the settings username and password" in told and "wrong-one" not in told
        mqweb.put("IN", "x")
        server.api("admin.channel.ibmmq.edit", name="in", password=mqweb.password)
        wait_until(lambda: not mqweb.bodies("IN"), 20, server.log)
        assert "wrong-one" not in server.log()


@pytest.mark.proof
def test_a_message_that_ends_its_worker_is_given_up_and_no_other_with_it(start_server, tmp_path):
    with MqwebServer() as mqweb:
        mqweb.make("IN", "DEAD")
        server = start_server(workers=2, plugins=["ibmmq"])
        taken = tmp_path / "taken"
        server.deploy("mq.py", SERVICE.replace("PATH", str(taken)))
        for number in range(50):
            mqweb.put("IN", f"{number}")
        mqweb.put("IN", "crash")
        for number in range(50, 100):
            mqweb.put("IN", f"{number}")
        given = {**mqweb.settings, "queue": "IN", "dead_letter_queue": "DEAD", "max_attempts": 2}
        # the worker that answers may be the one that the message ends
        with contextlib.suppress(requests.ConnectionError):
            server.api("admin.channel.ibmmq.create", name="in", service="mq.take", **given)
        wait_until(lambda: mqweb.bodies("DEAD") == ["crash"], 70, server.log)
        wait_until(lambda: not mqweb.bodies("IN"), 30)
        lines = taken.read_text().split("\n")
        assert {line.split()[0] for line in lines if line} == {"crash", *map(str, range(100))}
        assert lines.count("crash 1") + lines.count("crash 2") == 2
