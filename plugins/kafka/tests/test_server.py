"""A real server: the worked example of the README, messages that end their worker, workers that are
killed, and a broker that goes and comes back under load.
"""

from __future__ import annotations

import json
import re
import signal
import threading
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.kafka.tests.brokers import Tansu

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
        self.outgoing.kafka["out"].publish(self.request.raw, key=self.request.raw)
"""
CONFIG = """
[services]
files = ["take.py"]

[channel.http.send]
url_path = "/send"
service = "take.send"

[channel.kafka.in]
port = {port}
topics = ["{topic}"]
group = "workers"
service = "take.take"
max_attempts = 2
first_delay = 0.05
session_timeout = 6
timeout = 3
connect_timeout = 2

[outgoing.kafka.out]
port = {port}
topic = "{topic}"
timeout = 5
connect_timeout = 2
"""


BOTH = {"channel kafka in", "outgoing kafka out"}


@pytest.fixture(scope="module")
def evicting(real_server):
    """A broker that takes partitions from a member that is silent, which noida-db does not."""
    return real_server(Tansu)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def headers(message):
    return {name: value.decode() for name, value in message.headers()}


def taken(server):
    file = server.folder / "taken"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def started(start_server, broker, topic, workers):
    config = CONFIG.format(port=broker.port, topic=topic)
    server = start_server(config, start=False, workers=workers, plugins=["kafka"])
    (server.folder / "take.py").write_text(SERVICE)
    return server.start()


def states(server):
    workers = server.api("admin.server.status")["workers"].values()
    return {
        key: f"{state['state']}: {state['why']}"
        for worker in workers
        for key, state in worker["not_running"].items()
    }


def test_the_worked_example_works(start_server, broker):
    broker.make("orders", "orders.dead-letter", "priced")
    config = blocks("toml")[0].replace(
        'host = "127.0.0.1"', f'host = "127.0.0.1"\nport = {broker.port}'
    )
    assert config.count("port =") == 2
    server = start_server(config, start=False, workers=1, plugins=["kafka"])
    (server.folder / "orders.py").write_text(blocks("python")[0])
    server.start()
    broker.send("orders", b'{"number": 1, "pieces": 2}', b'{"number": 2, "pieces": 2000}', b"none")
    wait_until(lambda: len(broker.read("orders.dead-letter")) == 2, 20, "two dead letters")
    wait_until(lambda: len(broker.read("priced")) == 1, 20, "one priced order")
    (message,) = broker.read("priced")
    assert (json.loads(message.value()), message.key()) == ({"number": 1, "total": 10}, b"1")
    dead = {each.value(): headers(each) for each in broker.read("orders.dead-letter")}
    assert dead[b"none"]["x-hansa-attempts"] == "1"
    failed = dead[b'{"number": 2, "pieces": 2000}']
    assert failed["x-hansa-attempts"] == "3"
    assert failed["x-hansa-cause"] == "ValueError: nobody has so many"


@pytest.mark.proof
@pytest.mark.evidence("kills")
def test_a_message_that_ends_its_worker_is_given_up_and_no_other_with_it(start_server, evicting):
    broker = evicting
    topic = broker.topic(partitions=2)
    others = [b"%d" % number for number in range(200)]
    bodies = [*others[:50], b"crash", *others[50:100], b"poison", *others[100:]]
    for number, body in enumerate(bodies):
        broker.send(topic, body, partition=number % 2)
    server = started(start_server, broker, topic, workers=1)
    wait_until(lambda: len(broker.read(f"{topic}.dead-letter")) >= 2, 80, "both are dead letters")
    dead = {each.value(): headers(each) for each in broker.read(f"{topic}.dead-letter")}
    assert set(dead) == {b"crash", b"poison"}
    assert dead[b"crash"]["x-hansa-cause"] == (
        "Unavailable: each worker that handled it ended, or lost the broker"
    )
    wait_until(
        lambda: {line[0].encode() for line in taken(server)} >= set(others), 30, "all others"
    )
    assert len([line for line in taken(server) if line[0] == "crash"]) in (2, 3)


@pytest.mark.proof
@pytest.mark.evidence("kills")
def test_no_message_is_lost_when_a_worker_is_killed(start_server, evicting):
    topic = evicting.topic(partitions=3)
    server = started(start_server, evicting, topic, workers=1)
    bodies = [b"%d" % number for number in range(3000)]
    for number in range(3):
        evicting.send(topic, *bodies[number::3], partition=number)
    wait_until(lambda: len(taken(server)) > 200, 40)
    (worker,) = server.workers()
    worker.send_signal(signal.SIGKILL)
    assert len(taken(server)) < 3000
    wait_until(
        lambda: {line[0].encode() for line in taken(server)} >= set(bodies), 60, "all were taken"
    )
    assert evicting.read(f"{topic}.dead-letter") == []


@pytest.mark.proof
def test_a_broker_that_goes_and_comes_back_under_load(start_server, broker):
    topic = broker.topic(partitions=2)
    server = started(start_server, broker, topic, workers=1)
    accepted, done, numbers = [], threading.Event(), iter(range(10**6))

    def load():
        while not done.is_set():
            body = b"%d" % next(numbers)
            if server.post("/send", body).status_code == 200:
                accepted.append(body)
            done.wait(0.01)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            goal = len(accepted) + 30
            wait_until(lambda goal=goal: len(accepted) > goal, 40, "messages are accepted")
            broker.stop()
            wait_until(lambda: set(states(server)) == BOTH, 30, "both say that it is gone")
            assert all("the cluster at 127.0.0.1" in why for why in states(server).values())
            broker.start()
            wait_until(lambda: not states(server), 40, "both run again")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    wait_until(
        lambda: {line[0].encode() for line in taken(server)} >= set(accepted), 40, "all arrived"
    )


@pytest.mark.proof
def test_a_silent_broker(start_server, broker):
    topic = broker.topic()
    server = started(start_server, broker, topic, workers=1)
    assert server.post("/send", b"before").status_code == 200
    # neither server forgets a member that goes silent before it has joined
    wait_until(lambda: "before" in {line[0] for line in taken(server)}, 20, server.log)
    broker.pause()
    try:
        answer = server.post("/send", b"silence")
        assert answer.status_code == 504, answer.text
        wait_until(
            lambda: set(states(server)) == BOTH, 30, lambda: f"both notice it: {states(server)}"
        )
    finally:
        broker.resume()
    wait_until(lambda: not states(server), 40, "both run again")
    assert server.post("/send", b"after").status_code == 200
    wait_until(lambda: "after" in {line[0] for line in taken(server)}, 20, server.log)
