"""A real Odoo, if one is named by environment variables: the same tour by both protocols.

HANSA_TEST_ODOO is its address, HANSA_TEST_ODOO_DATABASE, HANSA_TEST_ODOO_USER and HANSA_TEST_ODOO_KEY
(an API key) say where and as whom; HANSA_TEST_ODOO_PROTOCOLS leaves one out, as with Odoo 18: xml-rpc.
"""

from __future__ import annotations

import os

import pytest
from hansa import load
from hansa_connect.remote import RemoteNotFound
from hansa_odoo import OdooFault
from hansa_odoo.outgoing import OdooOutgoing
from hansa_odoo.settings import OdooSettings

from plugins.odoo.tests.servers import local_server

ADDRESS = os.environ.get("HANSA_TEST_ODOO", "")
PROTOCOLS = os.environ.get("HANSA_TEST_ODOO_PROTOCOLS", "json-2,xml-rpc").split(",")
pytestmark = pytest.mark.skipif(not ADDRESS, reason="HANSA_TEST_ODOO names no server")


@pytest.fixture(params=PROTOCOLS)
def odoo(request):
    settings = {
        "address": ADDRESS,
        "protocol": request.param,
        "database": os.environ["HANSA_TEST_ODOO_DATABASE"],
        "security": "odoo" if request.param == "json-2" else "user",
        "page_size": 2,
    }
    server = local_server(os.environ["HANSA_TEST_ODOO_KEY"], os.environ["HANSA_TEST_ODOO_USER"])
    made = OdooOutgoing("erp", load(OdooSettings, settings), server)
    made.start()
    yield made
    made.stop()


def test_the_tour(odoo):
    assert "logged in" in odoo.ping()
    made = odoo.create("res.partner", [{"name": f"hansa test {number}"} for number in range(5)])
    try:
        found = list(odoo.search_all("res.partner", [("id", "in", made)], ["name"]))
        assert [one["id"] for one in found] == made
        odoo.write("res.partner", made[0], {"name": "hansa test Größe ✓"})
        assert odoo.read("res.partner", made[0], ["name"])[0]["name"] == "hansa test Größe ✓"
        assert odoo.count("res.partner", [("id", "in", made)]) == 5
        with pytest.raises(OdooFault):
            odoo.write("res.partner", made[0], {"no_such_field": 1})
    finally:
        odoo.unlink("res.partner", made)
    assert odoo.search("res.partner", [("id", "in", made)]) == []
    with pytest.raises((RemoteNotFound, OdooFault)):
        odoo.read("res.partner", made[0], ["name"])
