"""Odoo in a real server of Hansa: the README's example, an outage, a new key by a live edit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.odoo.tests.servers import OdooStandIn

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"


def test_the_example_works_through_an_outage_and_a_new_key(start_server):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    with OdooStandIn() as peer:
        address = f'"{peer.settings["address"]}"\ndeadline = 3'
        config = blocks["config.toml"].replace('"https://example.odoo.com"', address)
        server = start_server(
            config, start=False, workers=1, plugins=["odoo"], env={"ODOO_KEY": peer.password}
        )
        (server.folder / "customers.py").write_text(blocks["customers.py"])
        server.start()
        ada = {"email": "ada@example.com", "name": "Ada Größe"}
        first = server.post("/customers", json=ada)
        assert first.status_code == 200, server.log()
        assert first.json()["made"] is True
        assert server.post("/customers", json=ada).json() == {**first.json(), "made": False}

        refused = server.post("/customers", json={**ada, "email": "odd:gone"})
        assert refused.status_code == 502 and "10.0.0.1" not in refused.text

        peer.kill()
        assert server.post("/customers", json=ada).status_code == 503
        wait_until(lambda: "reached" in states(server), 10, server.log)
        peer.password = "another-key-of-this-test"
        peer.start()
        told = server.post("/customers", json=ada)
        assert told.status_code == 503
        wait_until(lambda: "refuses the credentials" in states(server), 10, server.log)
        server.api("admin.security.bearer.edit", name="erp-key", tokens=[peer.password])
        wait_until(lambda: server.post("/customers", json=ada).status_code == 200, 10, server.log)
        assert "refuses" not in states(server)
        assert peer.password not in server.log()


def states(server):
    return str(server.api("admin.outgoing.odoo.get", name="erp")["states"])
