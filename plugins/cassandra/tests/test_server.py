"""Cassandra in a real server of Hansa: the README's example, an outage, a new password."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.cassandra.tests.servers import CassandraStandIn

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"


def test_the_example_works_through_an_outage_and_a_new_password(start_server):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    with CassandraStandIn() as peer:
        address = f'["127.0.0.1"]\nport = {peer.port}'
        config = blocks["config.toml"].replace('["192.0.2.1", "192.0.2.2"]', address)
        server = start_server(
            config,
            start=False,
            workers=1,
            plugins=["cassandra"],
            env={"CASSANDRA_PASSWORD": peer.password},
        )
        (server.folder / "orders.py").write_text(blocks["orders.py"])
        server.start()

        def add(id=1, customer="Größe"):
            return server.post("/add", json={"id": id, "customer": customer}).status_code

        assert add() == 200, server.log()
        assert add(2, "Ada") == 200
        found = server.post("/find", json={"customer": "Größe"})
        assert found.json() == [{"id": 1, "customer": "Größe"}], server.log()
        peer.kill()
        wait_until(lambda: add() == 503, 30, server.log)
        peer.password = "another-password-of-this-test"
        peer.start()
        wait_until(lambda: "refuses the login" in states(server), 30, server.log)
        server.api("admin.outgoing.cassandra.edit", name="shop", password=peer.password)
        wait_until(lambda: add() == 200, 30, server.log)
        statements = {"add": "INSERT INTO orders (id, customer) VALUES (:id, :customer)"}
        statements["of customer"] = "SELECT id FROM orders WHERE customer = :customer"
        server.api("admin.outgoing.cassandra.edit", name="shop", statements=statements)
        wait_until(lambda: find(server) == [{"id": 1}], 30, server.log)
        assert peer.password not in server.log() and "still run" not in server.log()
        assert "of its threads running" not in server.log()


def find(server):
    return server.post("/find", json={"customer": "Größe"}).json()


def states(server):
    return str(server.api("admin.outgoing.cassandra.get", name="shop")["states"])
