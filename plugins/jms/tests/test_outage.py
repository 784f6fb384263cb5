"""Nothing that the broker has confirmed is lost, while it is killed and restarted under load."""

from __future__ import annotations

import itertools
import threading

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.jms.tests.activemq import ActiveMQ
from plugins.jms.tests.rabbit import RabbitAmqp

pytestmark = [pytest.mark.proof, pytest.mark.evidence("real_server", "kills")]
SERVICES = """
import os

from hansa import Service


class Send(Service):
    name = "load.send"

    def handle(self):
        self.outgoing.jms["out"].send(self.request.raw.decode(), timeout=3)


class Note(Service):
    name = "load.note"

    def handle(self):
        if self.request.raw == b"crash":
            os._exit(1)
        file = os.open("PATH", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, self.request.raw + b"\\n")
        os.close(file)
"""


@pytest.mark.parametrize(("kind", "kills"), [(ActiveMQ, 2), (RabbitAmqp, 1)])
def test_a_broker_that_is_killed_under_load_loses_nothing(kind, kills, start_server, tmp_path):
    noted, confirmed, done = tmp_path / "noted", [], threading.Event()
    numbers = itertools.count()
    with kind() as broker:
        server = start_server(workers=2, plugins=["jms"])
        server.deploy("load.py", SERVICES.replace("PATH", str(noted)))
        server.api("admin.channel.http.create", name="send", url_path="/send", service="load.send")
        settings = {**broker.settings, "queue": "load", "timeout": 5, "heartbeat": 2}
        settings |= {"max_attempts": 2}
        server.api("admin.channel.jms.create", name="in", service="load.note", **settings)
        del settings["heartbeat"], settings["max_attempts"]
        server.api("admin.outgoing.jms.create", name="out", **settings)

        def load() -> None:
            while not done.is_set():
                body = f"{next(numbers)}"
                if server.post("/send", body.encode()).status_code == 200:
                    confirmed.append(body)
                else:
                    done.wait(0.05)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(kills):
                goal = len(confirmed) + 100
                wait_until(lambda goal=goal: len(confirmed) >= goal, 40, "messages go through")
                broker.kill()
                broker.start()
            goal = len(confirmed) + 100
            wait_until(lambda: len(confirmed) >= goal, 40, "messages go through again")
        finally:
            done.set()
            for thread in threads:
                thread.join()
        wait_until(
            lambda: set(confirmed) <= set(noted.read_text().split()),
            40,
            "all that was confirmed arrived",
        )
        wait_until(lambda: broker.count("load") == 0, 20)
        if kind is RabbitAmqp:  # and one that ends workers is given up
            broker.send("/queue/load", "crash")
            wait_until(lambda: broker.count("load.dead-letter") == 1, 60, server.log)
