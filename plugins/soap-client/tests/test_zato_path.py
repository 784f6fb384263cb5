"""`self.outgoing.soap[name].conn` of the Zato dialect: a client of the WSDL, and strings that are
put into envelopes.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hansa_soap_client.outgoing import SoapOutgoing
from hansa_zato.dialect.exceptions import ConnectionException
from hansa_zato.outgoing import Outgoing

BODY = "<get_rate xmlns='urn:quotes'><country>Canada</country></get_rate>"


@pytest.fixture
def conn(connect: Callable[..., SoapOutgoing]) -> Callable[..., Any]:
    def make(**settings: Any) -> Any:
        live = connect(**settings)
        server = SimpleNamespace(
            name="server1", objects=SimpleNamespace(get=lambda kind, type, name: live)
        )
        return Outgoing(server).soap["quotes"].conn

    return make


def test_operations_of_the_wsdl(conn: Callable[..., Any]):
    with conn().client() as client:
        assert client.service.get_rate("Canada") == Decimal("1.22")
        assert client.service.get_rates({"string": ["Peru"]})[0].country == "Peru"


def test_strings_are_put_into_envelopes(conn: Callable[..., Any]):
    soap = conn(wsdl="")
    for call in (soap.post, soap.send, soap.invoke):
        answer = call("K1", BODY, headers={"SOAPAction": "get_rate"})
        assert answer.status_code == 200 and "1.22" in answer.text
    with pytest.raises(ConnectionException, match="has no WSDL"), soap.client():
        pass


def test_faults_are_answers(conn: Callable[..., Any]):
    answer = conn(soap_version="1.1", wsdl="").post("K1", BODY.replace("Canada", "Atlantis"))
    assert answer.status_code == 500 and "no such country" in answer.text
