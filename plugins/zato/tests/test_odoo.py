"""`self.outgoing.odoo` as services of the Zato dialect use it, over hansa-odoo, by both protocols."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import load
from hansa_odoo.outgoing import OdooOutgoing
from hansa_odoo.settings import OdooSettings
from hansa_zato.outgoing import Outgoing

from plugins.odoo.tests.servers import OdooStandIn, local_server
from plugins.zato.tests.facade import Facade


@pytest.fixture(params=["json-2", "xml-rpc"])
def outgoing(server: Facade, real_server: Any, request: Any) -> Any:
    peer = real_server(OdooStandIn)
    security = "odoo" if request.param == "json-2" else "user"
    given = {"protocol": request.param, "database": "test", "security": security}
    settings = load(OdooSettings, {**peer.settings, **given})
    made = OdooOutgoing("My Odoo", settings, local_server(peer.password))
    made.start()
    server.objects["outgoing", "odoo", "My Odoo"] = made
    yield Outgoing(server.as_server)
    made.stop()


def test_models_take_parameters_by_position(outgoing: Any) -> None:
    assert "My Odoo" in outgoing.odoo and outgoing.odoo["My Odoo"].conn.ping()
    with outgoing.odoo["My Odoo"].conn.client() as client:
        partners = client.get_model("res.partner")
        ada = partners.create({"name": "Ada"})
        grace, alan = partners.create([{"name": "Grace"}, {"name": "Alan"}])
        several = [("id", "in", [ada, grace, alan])]
        assert partners.search(several, 1, 1, "id") == [grace]
        assert partners.search_count(several) == 3
        assert partners.search_read(several, ["name"], limit=1) == [{"id": ada, "name": "Ada"}]
        assert partners.read(ada, ["name"]) == {"id": ada, "name": "Ada"}
        assert partners.write([ada], {"email": "ada@example.com"}) is True
        assert partners.read([ada], fields=["email"])[0]["email"] == "ada@example.com"
        assert partners.message_post([ada], body="Hello") is None
        assert partners.answer_with_context(context={"lang": "de_DE"}) == {"lang": "de_DE"}
        assert partners.unlink([ada, grace, alan]) is True
        with pytest.raises(TypeError, match="by name"):
            partners.message_post([ada], "Hello")
