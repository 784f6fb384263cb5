"""A client that knows only the generated WSDL can call a service with SimpleIO and read what it
answers.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zeep
from hansa import load
from hansa_soap.channel import SoapSettings
from hansa_soap.wsdl import Operation, wsdl
from zato.server.service import List, Service

from plugins.zato.tests.facade import Facade


class Rates(Service):
    """Rates of a day."""

    name = "bank.get-rates"

    class SimpleIO:
        response_elem = "rates"
        input_required = ("day", "bank_id")
        input_optional = ("many",)
        output_required = ("provider", "rate_id", List("values"))
        output_optional = ("is_open", "note")

    def handle(self) -> None:
        given = self.request.input
        row = {
            "provider": f"{given.day} {given.bank_id}",
            "rate_id": given.bank_id,
            "values": ["1", "2"],
            "is_open": True,
            "note": None,
        }
        if given.many:
            self.response.payload[:] = [row, row]
        else:
            self.response.payload = row


class Transport(zeep.Transport):
    """Carries messages to the route of a channel."""

    def __init__(self, server: Facade, config: Any) -> None:
        super().__init__()
        self.route = server.route(Rates.get_name(), "soap", "soap", config)

    def post(self, address: str, message: bytes, headers: Any) -> Any:
        from hansa import Request

        response = self.route(Request(message))
        return SimpleNamespace(
            status_code=response.status,
            content=response.raw,
            headers={"Content-Type": response.content_type},
            encoding="utf-8",
        )


@pytest.fixture(params=[{}, {"namespace": "urn:bank"}, {"soap_version": "1.2"}])
def client(request: Any, server: Facade, tmp_path: Path) -> Any:
    server.add(Rates)
    config = load(SoapSettings, {"url_path": "/rates", "soap_action": "get-rates", **request.param})
    object.__setattr__(config, "service", Rates.get_name())
    document = tmp_path / "rates.wsdl"
    document.write_bytes(wsdl([Operation.of(config, Rates)], "http://127.0.0.1/rates"))
    return zeep.Client(str(document), transport=Transport(server, config))


def test_one_row(client: Any) -> None:
    answer = client.service.GetRates(day="monday", bank_id=7)
    assert (answer.zato_env.result, answer.item_list) == ("ZATO_OK", None)
    item = answer.item
    assert (item.provider, item.rate_id, item.is_open, item.note) == ("monday 7", 7, True, None)
    assert item["values"].item == ["1", "2"]


def test_many_rows(client: Any) -> None:
    answer = client.service.GetRates(day="monday", bank_id=7, many="yes")
    assert answer.item is None
    assert [row.provider for row in answer.item_list.item] == ["monday 7", "monday 7"]


def test_a_fault(client: Any) -> None:
    with pytest.raises(zeep.exceptions.Fault, match="bank_id"):
        client.service.GetRates(day="monday", bank_id="x")
