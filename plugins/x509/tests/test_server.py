"""A real server, called by zeep with signed messages, and calling itself with its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from hansa_devkit.harness.waiting import wait_until
from lxml import etree
from zeep.exceptions import Fault

from plugins.x509.tests.parties import WSSE, Both, Signed, Stamp, party, raw, signed

SERVICES = """
from hansa import Model, Service


class GetRate(Service):
    class Input(Model):
        year: int = 0

    class Output(Model):
        rate: str
        who: str

    def handle(self):
        return self.Output(rate="1.22", who=str(self.request.principal))


class Ask(Service):
    def handle(self):
        rates = self.outgoing.soap[self.request.input["name"]]
        return {"who": rates.service.GetRate(year=2013)["who"]}
"""
ALICE = party("alice")
MALLORY = party("mallory")


@pytest.fixture(scope="module")
def server(start_shared_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    server = start_shared_server(workers=1, plugins=["soap", "soap-client", "tls", "x509", "xml"])
    server.deploy("treasury.py", SERVICES)
    certificate: Path = tmp_path_factory.mktemp("x509") / "partner.crt"
    certificate.write_text(ALICE.pem)
    server.cli("security", "x509", "create", "partner", "--certificates", certificate.read_text())
    server.api(
        "admin.channel.soap.create",
        name="rates",
        url_path="/rates",
        service="treasury.get-rate",
        security=["partner"],
    )
    return server


def ask(address: str, *wsse: Any) -> Any:
    client = zeep.Client(f"{address}?wsdl", wsse=Both(*wsse))
    return client.service.GetRate(year=2013)


def test_zeep_calls_with_signed_messages(server: Any) -> None:
    address = f"{server.url}/rates"
    for as_token in (True, False):
        answer = ask(address, Stamp(), Signed(ALICE, as_token=as_token))
        assert answer["who"] == "CN=alice"
    with pytest.raises(Fault) as caught:
        ask(address, Stamp(), Signed(MALLORY))
    assert caught.value.code.endswith(":FailedCheck")
    with pytest.raises(Fault) as caught:
        ask(address, Signed(ALICE))
    assert caught.value.code.endswith(":InvalidSecurity")


def test_refusals_say_nothing_of_what_was_wrong(server: Any) -> None:
    shown = set()
    sent = raw(signed(ALICE))
    for message in (sent, sent, raw(signed(MALLORY)), sent.replace(b">hi<", b">ho<")):
        headers = {"Content-Type": "text/xml"}
        answer = requests.post(f"{server.url}/rates", message, headers=headers, timeout=10)
        root = etree.fromstring(answer.content)
        code = root.find(".//faultcode")
        if code is None:
            assert answer.status_code == 200
            continue
        assert answer.status_code == 401 and code.text
        assert code.nsmap[code.text.partition(":")[0]] == WSSE
        assert answer.headers["WWW-Authenticate"].startswith("WSSE ")
        assert root.findtext(".//{urn:hansa:error}cid") == answer.headers["X-Hansa-CID"]
        shown.add((code.text.partition(":")[2], root.findtext(".//faultstring")))
    assert shown == {("FailedCheck", "the signature of the message is not accepted")}
    assert "the message was sent before" in server.log()


def test_outgoing_soap_calls_a_channel_and_an_edit_counts(server: Any) -> None:
    server.api(
        "admin.security.x509.create", name="self", key=MALLORY.key_pem, certificate=MALLORY.pem
    )
    server.api(
        "admin.outgoing.soap.create",
        name="self",
        address=server.url,
        url_path="/rates",
        wsdl=f"{server.url}/rates?wsdl",
        security="self",
    )
    server.api(
        "admin.channel.http.create",
        name="ask",
        url_path="/ask",
        service="treasury.ask",
        format="json",
    )
    refused = server.post("/ask", {"name": "self"})
    assert (refused.status_code, "FailedCheck" in refused.text) == (502, True)
    server.api("admin.security.x509.edit", name="partner", certificates=[ALICE.pem, MALLORY.pem])
    wait_until(lambda: server.post("/ask", {"name": "self"}).json() == {"who": "CN=mallory"})
    shown = str(server.api("admin.security.x509.get", name="self"))
    assert "PRIVATE KEY" not in shown and "PRIVATE KEY" not in server.log()
