"""The stock-market story from outside: one service, two providers, and a list of two items as JSON,
plain XML and SOAP.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from decimal import Decimal

import pytest
import requests
import zeep
import zeep.helpers
from lxml import etree

from tests.commands import hansa

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
EXPECTED = [("Yahoo!", "298.8"), ("Google", "298.81505")]
AS_JSON = {"market_cap": [{"provider": provider, "value": value} for provider, value in EXPECTED]}
# as the article has it: an envelope, the namespace of Zato on the request and on what is in it
ENVELOPE = """<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:zato="https://zato.io/ns/20130518">
<soapenv:Body><zato:request><zato:symbol>{}</zato:symbol></zato:request></soapenv:Body></soapenv:Envelope>"""
SERVICE = "stockmarket.get-market-cap"


@pytest.fixture(scope="module")
def server(start_shared_server, start_program, examples, wait):
    """A server with the service copied into its pickup folder, and everything else made by the
    command line.
    """
    server = start_shared_server(workers=1, plugins=["pickup", "redis", "soap", "xml", "zato"])
    providers = start_program(examples / "stockmarket/providers.py")
    shutil.copy(examples / "stockmarket/stockmarket.py", server.dir / "pickup")
    wait(
        lambda: (
            SERVICE
            in {item["name"] for item in server.api("admin.service.list", filter="stockm")["items"]}
        ),
        10,
    )
    for name, path in (("Yahoo! YQL", "/v1/public/yql"), ("Google Finance", "/ig/api")):
        hansa(
            server, "outgoing", "http", "create", name, "--address", providers, "--url-path", path
        )
    for format in ("json", "xml"):
        hansa(
            server,
            "channel",
            "http",
            "create",
            f"market cap {format}",
            "--url-path",
            f"/{format}",
            "--service",
            SERVICE,
            "--format",
            format,
        )
    hansa(
        server,
        "channel",
        "soap",
        "create",
        "market cap",
        "--url-path",
        "/soap",
        "--service",
        SERVICE,
        "--soap-action",
        "cap",
    )
    return server


def pairs(element: etree._Element) -> list[tuple[str, str]]:
    """Provider and value of every item below an element."""
    items = [
        item
        for item in element.iter()
        if isinstance(item.tag, str) and etree.QName(item).localname == "item"
    ]
    return [tuple(part.text for part in item) for item in items]


def test_json(server):
    answer = server.post("/json", {"symbol": "GOOG"})
    assert answer.json() == AS_JSON
    assert answer.headers["X-Zato-CID"] == answer.headers["X-Hansa-CID"]


def test_plain_xml_by_curl(server):
    request = "<request><symbol>GOOG</symbol></request>"
    done = subprocess.run(
        ["curl", "-s", "-d", request, server.url + "/xml"],
        capture_output=True,
        timeout=20,
        check=True,
    )
    root = etree.fromstring(done.stdout)
    assert root.tag == "market_cap" and pairs(root) == EXPECTED


def test_soap_as_the_article_sends_it(server):
    headers = {"SOAPAction": '"cap"', "Content-Type": "text/xml"}
    answer = requests.post(
        server.url + "/soap", data=ENVELOPE.format("RHT"), headers=headers, timeout=20
    )
    body = etree.fromstring(answer.content).find(f"{SOAP}Body")
    assert body is not None
    assert pairs(body) == [("Yahoo!", "8.763"), ("Google", "8.76324")]


def test_soap_from_the_generated_wsdl(server):
    found = zeep.Client(server.url + "/soap?wsdl").service
    operation = next(iter(found._binding.all()))
    answer = found[operation](symbol="GOOG")
    text = json.dumps(zeep.helpers.serialize_object(answer), default=str)
    assert "298.81505" in text and "Yahoo!" in text


def test_from_the_command_line(server):
    answer = json.loads(hansa(server, "invoke", SERVICE, "--payload", '{"symbol": "GOOG"}').stdout)
    assert answer == AS_JSON


def test_who_is_not_known_has_no_value(server):
    answer = server.post("/json", {"symbol": "NOBODY"}).json()["market_cap"]
    assert [item["value"] for item in answer] == ["n/a", "n/a"]


def test_a_missing_symbol_is_the_callers_fault(server):
    answer = server.post("/json", {})
    assert answer.status_code == 400 and "symbol" in answer.text


def test_a_provider_that_is_down_is_told_and_comes_back(server, start_program, examples):
    there = server.api("admin.outgoing.http.get", name="Google Finance")["address"]
    server.api(
        "admin.outgoing.http.edit", name="Google Finance", address="http://127.0.0.1:1", deadline=1
    )
    answer = server.post("/json", {"symbol": "GOOG"})
    assert (
        answer.status_code >= 500
        and "Traceback" not in answer.text
        and answer.headers["X-Hansa-CID"]
    )
    server.api("admin.outgoing.http.edit", name="Google Finance", address=there)
    assert server.post("/json", {"symbol": "GOOG"}).json() == AS_JSON
    assert Decimal(
        server.post("/json", {"symbol": "IBM"}).json()["market_cap"][1]["value"]
    ) == Decimal("219.4001")
