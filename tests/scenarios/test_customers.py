"""The bank's customers from outside, in both dialects: JSON and XML in front, two systems behind,
rules in Redis, ZeroMQ beside.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

import pytest
import zmq
from lxml import etree

from tests.commands import hansa

SEAN = {
    "firstname": "Sean",
    "lastname": "O'Brien",
    "last_payment_date": "2013-05-14T10:42:14.401555",
    "last_payment_amount": "357",
}


@dataclass
class Bank:
    """The server, its service, and what fraud detection hears."""

    server: Any
    zato: bool
    heard: zmq.Socket[bytes]

    def details(self, cust_id: str) -> Any:
        """What a client is told in JSON."""
        answer = self.server.post("/details.json", {"cust_id": cust_id})
        assert answer.status_code == 200, answer.text
        return answer.json()["response"] if self.zato else answer.json()

    def told(self, seconds: float = 5) -> str:
        """The next message at fraud detection, or nothing."""
        return self.heard.recv().decode() if self.heard.poll(int(seconds * 1000)) else ""


@pytest.fixture(scope="module", params=["my_service.get-client-details", "customers.get-details"])
def bank(request, start_shared_server, start_program, examples, wait):
    """Everything created live, on a server that begins with nothing."""
    plugins = ["pickup", "redis", "xml", "zato", "zeromq"]
    server = start_shared_server(workers=1, plugins=plugins)
    service = request.param.replace("_", "-")
    systems = start_program(examples / "customers/systems.py")
    heard: zmq.Socket[Any] = zmq.Context.instance().socket(zmq.PULL)
    port = heard.bind_to_random_port("tcp://127.0.0.1")

    shutil.copy(
        examples / "customers" / f"{request.param.partition('.')[0]}.py", server.dir / "pickup"
    )
    wait(
        lambda: (
            service
            in {item["name"] for item in server.api("admin.service.list", filter=service)["items"]}
        ),
        10,
    )
    hansa(
        server,
        "outgoing",
        "http",
        "create",
        "CRM",
        "--address",
        systems,
        "--url-path",
        "/crm/{cust_id}",
    )
    hansa(
        server,
        "outgoing",
        "http",
        "create",
        "Payments",
        "--address",
        systems,
        "--url-path",
        "/payments/last",
    )
    hansa(
        server,
        "outgoing",
        "zeromq",
        "create",
        "Fraud detection",
        "--address",
        f"tcp://127.0.0.1:{port}",
    )
    for format in ("json", "xml"):
        options = ("--url-path", f"/details.{format}", "--service", service, "--format", format)
        hansa(server, "channel", "http", "create", f"details in {format}", *options)
    rules = "from hansa import Service\nclass Watch(Service):\n    def handle(self):\n"
    rules += (
        "        self.server.redis.sadd('rules:fraud:customer-types', self.request.input['type'])\n"
    )
    server.deploy("rules.py", rules)
    yield Bank(server, request.param.startswith("my_service"), heard)
    heard.close(0)


def test_a_client_in_json(bank):
    assert bank.details("175") == SEAN


def test_a_client_in_xml(bank):
    answer = bank.server.post("/details.xml", "<request><cust_id>176</cust_id></request>")
    assert answer.status_code == 200, answer.text
    found = {
        etree.QName(part).localname: part.text for part in etree.fromstring(answer.content).iter()
    }
    assert (found["firstname"], found["lastname"], found["last_payment_amount"]) == (
        "Zoë",
        "Ångström",
        "1000000.50",
    )


def test_fraud_detection_hears_of_those_that_the_rules_name(bank):
    assert bank.told(0.3) == ""
    hansa(bank.server, "invoke", "rules.watch", "--payload", '{"type": "POLITICAL"}')
    bank.details("175")
    bank.details("176")
    told = bank.told()
    assert told.startswith("READ 176 K") and bank.told(0.3) == ""


def test_a_customer_that_nobody_knows(bank):
    answer = bank.server.post("/details.json", {"cust_id": "999"})
    assert answer.status_code == 404 and "Traceback" not in answer.text


def test_a_missing_number_is_the_callers_fault(bank):
    answer = bank.server.post("/details.json", {})
    assert answer.status_code == 400 and "cust_id" in answer.text


def test_a_system_that_is_down(bank):
    there = bank.server.api("admin.outgoing.http.get", name="CRM")["address"]
    bank.server.api(
        "admin.outgoing.http.edit", name="CRM", address="http://127.0.0.1:1", deadline=1
    )
    answer = bank.server.post("/details.json", {"cust_id": "175"})
    assert answer.status_code >= 500 and answer.headers["X-Hansa-CID"]
    bank.server.api("admin.outgoing.http.edit", name="CRM", address=there)
    assert bank.details("175") == SEAN
