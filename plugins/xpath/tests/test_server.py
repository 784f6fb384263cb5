"""A real server, called by a client of lxml over HTTP and SOAP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until
from lxml import etree
from lxml.builder import ElementMaker

README = (Path(__file__).parents[1] / "README.md").read_text()
AUTH = "urn:example:auth"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICES = """
from hansa import Model, Service


class PlaceOrder(Service):
    class Input(Model):
        sku: str

    class Output(Model):
        sku: str
        who: str

    def handle(self):
        return self.Output(sku=self.request.input.sku, who=str(self.request.principal))
"""


@pytest.fixture(scope="module")
def server(start_shared_server: Any) -> Any:
    server = start_shared_server(workers=1, plugins=["soap", "xml", "xpath"])
    server.deploy("shop.py", SERVICES)
    commands = re.findall(r"^hansa ((?:.*\\\n)*.*)$", README, re.M)
    for command in commands:
        parts = re.findall(r"'[^']*'|[^\s\\]+", command)
        server.cli(*(part.strip("'") for part in parts))
    return server


def order(user: str, password: str) -> etree._Element:
    make = ElementMaker(nsmap={"auth": AUTH})
    auth = ElementMaker(namespace=AUTH)
    login = auth.login(auth.password(password), user=user)
    return make.order(login, make.sku("007"))


def post(address: str, root: etree._Element) -> requests.Response:
    sent = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return requests.post(address, sent, headers={"Content-Type": "text/xml"}, timeout=10)


def envelope(body: etree._Element) -> etree._Element:
    soap = ElementMaker(namespace=SOAP, nsmap={"soap": SOAP})
    return soap.Envelope(soap.Body(body))


def test_the_example_of_the_readme_over_http(server: Any) -> None:
    answer = post(f"{server.url}/orders", order("alice", "correct horse"))
    found = etree.fromstring(answer.content)
    assert (answer.status_code, found.findtext("who")) == (200, "alice")
    assert found.findtext("sku") == "007"


def test_refusals(server: Any) -> None:
    address = f"{server.url}/orders"
    wrong = [order("alice", "wrong"), order("bob", "correct horse")]
    texts = set()
    for root in wrong:
        answer = post(address, root)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'XPath realm="hansa"'
        error = etree.fromstring(answer.content)
        assert error.findtext("cid") == answer.headers["X-Hansa-CID"]
        texts.add(error.findtext("detail"))
    assert len(texts) == 1
    for raw in (b"", b"<a/>", b"<!DOCTYPE a><a/>", b"{", b"\xff\xfe"):
        headers = {"Content-Type": "text/xml"}
        assert requests.post(address, raw, headers=headers, timeout=10).status_code == 401
    assert "correct horse" not in server.log()
    assert "correct horse" not in str(server.api("admin.security.xpath.get", name="partner"))


def test_soap(server: Any) -> None:
    server.api(
        "admin.channel.soap.create",
        name="soap-orders",
        url_path="/soap-orders",
        service="shop.place-order",
        security=["enveloped"],
    )
    address = f"{server.url}/soap-orders"
    answer = post(address, envelope(order("alice", "correct horse")))
    assert (answer.status_code, ">alice<" in answer.text) == (200, True)
    refused = post(address, envelope(order("alice", "wrong")))
    assert (refused.status_code, "Fault" in refused.text) == (401, True)
    # an edit counts at once, what was accepted before included
    server.api("admin.security.xpath.edit", name="enveloped", password="another horse")
    sent = envelope(order("alice", "correct horse"))
    wait_until(lambda: post(address, sent).status_code == 401)
    assert post(address, envelope(order("alice", "another horse"))).ok
