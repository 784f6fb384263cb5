"""A worker that needs too much memory is replaced, and no request is lost."""

from __future__ import annotations

from hansa_devkit.harness.waiting import wait_until

from tests.cluster.accounting import Account, Receipts
from tests.cluster.clients import Clients
from tests.cluster.test_disk import started

CONFIG = """
[server]
worker_memory = 400
"""
GROW = """
from hansa import Service

KEPT = []


class Grow(Service):
    name = "grow"

    def handle(self):
        KEPT.append(b"x" * (500 * 2**20))
"""


def test_a_worker_over_its_limit_is_replaced_without_loss(start_server, tmp_path):
    server = start_server(CONFIG, start=False)
    outside = tmp_path / "outside"
    started(server, outside)
    server.deploy("grow.py", GROW)
    server.api(
        "admin.channel.http.create", name="grow", url_path="/grow", service="grow", format="json"
    )
    before = set(server.api("admin.server.status")["workers"])
    account = Account()
    log = server.dir / "logs" / "server.log"
    with Clients(server.port, "/record", account, clients=3, pause=0.01, log="sync") as clients:
        wait_until(lambda: len(account.acknowledged) > 20, 20)
        assert server.get("/grow").status_code == 200
        wait_until(lambda: "over its limit of 400 MiB" in log.read_text(), 20, "it asks")
        wait_until(lambda: "replaced 1 workers" in log.read_text(), 40, "it is replaced")
        seen = len(account.acknowledged)
        wait_until(lambda: len(account.acknowledged) > seen + 20, 20)
    after = set(server.api("admin.server.status")["workers"])
    result = account.result(Receipts(outside / "sync").numbers())
    assert len(before & after) == len(before) - 1, "the other one goes on"
    assert not clients.faults and not clients.refusals, (clients.faults + clients.refusals)[:3]
    assert not result.lost and not result.duplicates
