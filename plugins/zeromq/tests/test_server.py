"""A real server: the worked example of the README, messages that break their service or end its
worker, edits under load.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import zmq
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

README = (Path(__file__).parents[1] / "README.md").read_text()
SERVICES = """
import os

from hansa import Invalid, Service


class Take(Service):
    def handle(self):
        text = self.request.raw[:100].decode()
        with open("PATH", "a") as file:
            file.write(f"{text} {len(self.request.raw)} {os.getpid()}\\n")
        if text == "crash":
            os._exit(1)
        if text == "poison":
            raise ValueError("poison")


class Put(Service):
    def handle(self):
        self.outgoing.zeromq["work"].send(self.request.raw)


class Ask(Service):
    def handle(self):
        return self.outgoing.zeromq["questions"].request(self.request.raw).decode()
"""


@pytest.fixture
def context():
    made: Any = zmq.Context()
    yield made
    made.destroy(0)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_worked_example_works(start_server):
    ports = {number: str(free_port()) for number in ("5555", "5556")}

    def placed(text: str) -> str:
        return re.sub("555[56]", lambda found: ports[found[0]], text)

    service, client = blocks("python")
    server = start_server(placed(blocks("toml")[0]), start=False, workers=2, plugins=["zeromq"])
    (server.folder / "orders.py").write_text(service)
    server.start()
    done = subprocess.run(
        [sys.executable, "-c", placed(client)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "[b'orders.taken', b'order 7']\n", done.stderr + server.log()


@pytest.mark.proof
def test_messages_that_break_the_service_end_its_worker_or_are_too_large(
    start_server, context, tmp_path
):
    server, path, address = (
        start_server(workers=2, plugins=["zeromq"]),
        tmp_path / "taken",
        f"tcp://127.0.0.1:{free_port()}",
    )
    server.deploy("work.py", SERVICES.replace("PATH", str(path)))
    server.api("admin.channel.zeromq.create", name="in", address=address, service="work.take")
    sender = context.socket(zmq.PUSH)
    sender.immediate, sender.sndtimeo = True, 30_000
    sender.connect(address)

    def taken() -> list[str]:
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    def goes_on(text: str) -> None:
        """What is sent until the address has its new owner may be lost: ZeroMQ acknowledges
        nothing.
        """

        def arrived() -> bool:
            sender.send(text.encode())
            return text in taken()

        wait_until(arrived, 40, f"{text} arrives")

    goes_on("first")
    sender.send(b"poison")
    goes_on("after-poison")
    sender.send(b"y" * 50_000_000)  # over max_size: its sender is cut off, and connects again
    goes_on("after-50-MB")
    sender.send(b"crash")
    wait_until(lambda: "crash" in taken(), 20)
    goes_on("after-crash")
    states = wait_until(lambda: _states(server, "channel", "in", {"running", "elsewhere"}), 30)
    assert states and Counter(taken())["crash"] == 1, "at most once"
    server.api("admin.channel.zeromq.edit", name="in", max_size=60_000_000)
    goes_on("after-edit")
    sender.send(b"z" * 50_000_000)
    wait_until(lambda: " 50000000 " in path.read_text(), 30)


def _states(server: RunningServer, kind: str, name: str, wanted: set[str]) -> bool:
    found = server.api(f"admin.{kind}.zeromq.get", name=name)["states"].values()
    return {state["state"] for state in found} == wanted


def _received(socket: zmq.Socket[bytes]) -> int:
    """How many messages are there."""
    count = 0
    while socket.poll(1000):
        socket.recv()
        count += 1
    return count


@pytest.mark.proof
def test_edits_under_load_and_a_silent_peer(start_server, context, peer):
    server = start_server(workers=2, plugins=["zeromq"])
    server.deploy("work.py", SERVICES)
    sockets, addresses = [context.socket(zmq.PULL) for _ in range(2)], []
    for each in sockets:
        addresses.append(f"tcp://127.0.0.1:{each.bind_to_random_port('tcp://127.0.0.1')}")
    server.api("admin.outgoing.zeromq.create", name="work", address=addresses[0], timeout=10)
    answers_at = free_port()
    peer("answer", f"tcp://127.0.0.1:{answers_at}")
    for name in ("put", "ask"):
        server.api(
            "admin.channel.http.create", name=name, url_path=f"/{name}", service=f"work.{name}"
        )
    answers: list[int] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            answers.append(server.post("/put", "x").status_code)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(4):
        count = len(answers)
        server.api("admin.outgoing.zeromq.edit", name="work", address=addresses[1 - number % 2])
        wait_until(lambda count=count: len(answers) > count + 15, 40)
    done.set()
    for thread in threads:
        thread.join()
    assert set(answers) == {200}
    came = [_received(each) for each in sockets]
    assert sum(came) == len(answers) and min(came) > 0
    with Proxy(answers_at) as proxy:
        server.api(
            "admin.outgoing.zeromq.create",
            name="questions",
            address=f"tcp://127.0.0.1:{proxy.port}",
            socket="REQ",
            timeout=2,
        )
        assert server.post("/ask", "a").text == "A"
        for mode in ("drop", "refuse"):
            proxy.mode = mode
            refused = server.post("/ask", "b")
            assert refused.status_code == 504 and "outgoing zeromq 'questions'" in refused.text
            proxy.mode = "pass"
            wait_until(lambda: server.post("/ask", "c").text == "C", 20)
