"""A real server: the worked example of the README, and messages that end the workers that handle
them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

README = (Path(__file__).parents[1] / "README.md").read_text()
SERVICE = """
import os
import signal

from hansa import Service


class Take(Service):
    def handle(self):
        line = f"{self.request.raw.decode()} {self.request.attempt} {self.request.extra['redelivered']}\\n"
        file = os.open("taken", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line.encode())
        os.close(file)
        if self.request.raw == b"crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.request.raw == b"poison":
            raise ValueError("poison")
"""
CONFIG = """
[services]
files = ["take.py"]

[channel.amqp.in]
port = {port}
queue = "crashes"
service = "take.take"
max_attempts = 3
first_delay = 0.05
pool = 3
prefetch = 20
"""


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_worked_example_works(start_server, rabbit):
    for queue in ("orders", "orders.dead-letter", "priced"):
        with rabbit.broker() as other:
            other.queue_delete(queue)
    rabbit.control("add_user", "shop", "a-password")
    rabbit.control("set_permissions", "shop", ".*", ".*", ".*")
    config = blocks("toml")[0].replace(
        'host = "127.0.0.1"', f'host = "127.0.0.1"\nport = {rabbit.port}'
    )
    assert config.count("port =") == 2
    server = start_server(
        config, start=False, workers=1, plugins=["amqp"], env={"SHOP_PASSWORD": "a-password"}
    )
    (server.folder / "orders.py").write_text(blocks("python")[0])
    server.start()
    rabbit.send(
        "orders", b'{"number": 1, "pieces": 2}', b'{"number": 2, "pieces": 2000}', b"no order"
    )
    wait_until(lambda: rabbit.count("orders.dead-letter") == 2, 20, "two dead letters")
    wait_until(lambda: rabbit.count("priced") == 1, 20, "one priced order")
    ((_, properties, body),) = rabbit.read("priced")
    assert json.loads(body) == {"number": 1, "total": 10}
    assert properties.content_type == "application/json"
    dead = {body: properties.headers for _, properties, body in rabbit.read("orders.dead-letter")}
    assert dead[b"no order"]["x-hansa-attempts"] == 1
    failed = dead[b'{"number": 2, "pieces": 2000}']
    assert (failed["x-hansa-attempts"], failed["x-hansa-cause"]) == (
        3,
        "ValueError: nobody has so many",
    )
    listed = rabbit.control("list_connections", "--no-table-headers", "user", "client_properties")
    assert "hansa channel orders" in listed
    assert "hansa outgoing shipping" in listed


@pytest.mark.proof
@pytest.mark.parametrize("type", ["classic", "quorum"])
def test_a_message_that_ends_its_worker_is_given_up_and_no_other_with_it(
    start_server, rabbit, type
):
    rabbit.make("crashes", "crashes.dead-letter", type=type)
    server = start_server(CONFIG.format(port=rabbit.port), start=False, workers=2, plugins=["amqp"])
    (server.folder / "take.py").write_text(SERVICE)
    others = [b"%d" % number for number in range(200)]
    rabbit.send("crashes", *others[:50], b"crash", *others[50:100], b"poison", *others[100:])
    server.start()
    wait_until(lambda: rabbit.count("crashes.dead-letter") >= 2, 60, "both are dead letters")
    lines = [line.split() for line in (server.folder / "taken").read_text().splitlines()]
    wait_until(lambda: rabbit.count("crashes") == 0, 20)
    dead = {body: properties.headers for _, properties, body in rabbit.read("crashes.dead-letter")}
    assert set(dead) == {b"crash", b"poison"}
    assert [attempt for body, attempt, _ in lines if body == "crash"] == ["1", "2", "3"]
    assert [redelivered for body, _, redelivered in lines if body == "crash"] == [
        "False",
        "True",
        "True",
    ]
    assert dead[b"crash"]["x-hansa-attempts"] == 3
    assert (
        dead[b"crash"]["x-hansa-cause"]
        == "Unavailable: each worker that handled it ended, or lost the broker"
    )
    wait_until(
        lambda: taken(server) >= {body.decode() for body in others}, 20, "all others were handled"
    )


def taken(server):
    return {line.split()[0] for line in (server.folder / "taken").read_text().splitlines()}
