"""A real server: the worked example of the README, messages that end their worker, workers and a
NATS server that are killed under load.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until

README = (Path(__file__).parents[1] / "README.md").read_text()
SERVICE = """
import os
import signal
import time

from hansa import Service


class Take(Service):
    def handle(self):
        line = f"{self.request.raw.decode()} {self.request.attempt}\\n"
        file = os.open("taken", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line.encode())
        os.close(file)
        if self.request.raw == b"crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.request.raw == b"poison":
            raise ValueError("poison")
        time.sleep(0.002)


class Send(Service):
    def handle(self):
        self.outgoing.nats["out"].store(self.request.raw)
"""
CONFIG = """
[services]
files = ["take.py"]

[channel.http.send]
url_path = "/send"
service = "take.send"

[channel.nats.in]
port = {port}
subject = "{stream}.>"
stream = "{stream}"
dead_letter_subject = "dead.{stream}"
service = "take.take"
max_attempts = 3
first_delay = 0.05
ack_wait = 2
interval = 1
heartbeat = 1

[outgoing.nats.out]
port = {port}
subject = "{stream}.a"
timeout = 5
heartbeat = 1
"""
BOTH = {"channel nats in", "outgoing nats out"}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def taken(server):
    file = server.folder / "taken"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def started(start_server, broker, stream, workers):
    config = CONFIG.format(port=broker.port, stream=stream)
    server = start_server(config, start=False, workers=workers, plugins=["nats"])
    (server.folder / "take.py").write_text(SERVICE)
    return server.start()


def states(server):
    workers = server.api("admin.server.status")["workers"].values()
    return {
        key: f"{state['state']}: {state['why']}"
        for worker in workers
        for key, state in worker["not_running"].items()
    }


def dead(broker, stream):
    return {each.data: each.headers for each in broker.read(f"{stream}-dead")}


@contextmanager
def loaded(server):
    """Three clients send while the block runs; gives the list of what was accepted."""
    accepted: list[bytes] = []
    done, numbers = threading.Event(), iter(range(10**6))

    def load():
        while not done.is_set():
            body = b"%d" % next(numbers)
            with contextlib.suppress(requests.RequestException):  # the worker was killed with it
                if server.post("/send", body).status_code == 200:
                    accepted.append(body)
            done.wait(0.01)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield accepted
    finally:
        done.set()
        for thread in threads:
            thread.join()


def progress(accepted):
    goal = len(accepted) + 30
    wait_until(lambda: len(accepted) > goal, 40, "messages are accepted")


def test_the_worked_example_works(start_server, broker):
    config = blocks("toml")[0].replace(
        'host = "127.0.0.1"', f'host = "127.0.0.1"\nport = {broker.port}'
    )
    assert config.count("port =") == 2
    server = start_server(config, start=False, workers=1, plugins=["nats"])
    (server.folder / "orders.py").write_text(blocks("python")[0])
    server.start()
    bodies = (b'{"number": 1, "pieces": 2}', b'{"number": 2, "pieces": 2000}', b"none")
    broker.store("orders.new", *bodies)
    wait_until(lambda: len(broker.read("orders-dead-letter")) == 2, 20, "two dead letters")
    wait_until(lambda: len(broker.read("priced")) == 1, 20, "one priced order")
    (message,) = broker.read("priced")
    assert json.loads(message.data) == {"number": 1, "total": 10}
    found = {each.data: each.headers for each in broker.read("orders-dead-letter")}
    assert found[b"none"]["x-hansa-attempts"] == "1"
    assert found[bodies[1]]["x-hansa-attempts"] == "3"
    assert found[bodies[1]]["x-hansa-cause"] == "ValueError: nobody has so many"


@pytest.mark.proof
@pytest.mark.evidence("kills")
def test_a_message_that_ends_its_worker_is_given_up_and_no_other_with_it(start_server, broker):
    stream = broker.stream()
    others = [b"%d" % number for number in range(200)]
    broker.store(f"{stream}.a", *others[:50], b"crash", *others[50:100], b"poison", *others[100:])
    server = started(start_server, broker, stream, workers=2)
    wait_until(lambda: len(dead(broker, stream)) >= 2, 60, "both are dead letters")
    found = dead(broker, stream)
    assert set(found) == {b"crash", b"poison"}
    assert found[b"crash"]["x-hansa-cause"] == (
        "Unavailable: each worker that handled it ended, or lost the broker"
    )
    wait_until(
        lambda: {line[0].encode() for line in taken(server)} >= set(others), 30, "all others"
    )


@pytest.mark.proof
@pytest.mark.evidence("kills")
def test_no_message_is_lost_when_workers_and_server_are_killed_under_load(start_server, broker):
    stream = broker.stream()
    server = started(start_server, broker, stream, workers=1)
    with loaded(server) as accepted:
        for _ in range(2):
            progress(accepted)
            broker.kill()
            wait_until(lambda: set(states(server)) == BOTH, 30, "both say that it is gone")
            assert all("the server at 127.0.0.1" in why for why in states(server).values())
            broker.start()
            wait_until(lambda: not states(server), 40, "both run again")
            progress(accepted)
            for worker in server.workers():
                worker.send_signal(signal.SIGKILL)
    wait_until(
        lambda: {line[0].encode() for line in taken(server)} >= set(accepted), 40, "all arrived"
    )
    assert dead(broker, stream) == {}


@pytest.mark.proof
def test_a_wrong_password_is_told_and_a_right_one_heals(start_server):
    from plugins.nats.tests.test_secure import Guarded

    with Guarded() as guarded:
        server = start_server(workers=1, plugins=["nats"])
        settings = {
            "port": guarded.port,
            "tls": True,
            "tls_ca": f"{guarded.folder}/server.pem",
            "username": "reader",
            "password": "wrong-one",
        }
        server.api("admin.outgoing.nats.create", name="out", **settings)
        told = wait_until(lambda: states(server).get("outgoing nats out"), 20)
        assert "check the settings username and password" in told
        current = server.api("admin.outgoing.nats.get", name="out")
        server.api(
            "admin.outgoing.nats.edit",
            name="out",
            seen_revision=current["revision"],
            password="reader-pw",
        )
        wait_until(lambda: not states(server), 20, "with the right password it runs")
        server.api("admin.outgoing.nats.ping", name="out")
        assert "wrong-one" not in server.log()
