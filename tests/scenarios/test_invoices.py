"""The invoice dispatcher from outside: curl in front, a real Swift behind, an application that takes
its invoices from there, and another provider of the cloud by an edit.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest

from plugins.swift.tests.swift_server import Storage, Swift
from tests.commands import hansa

SERVICES = {"invoice.dispatcher", "billing.receive"}


@pytest.fixture(scope="module")
def storage(real_server):
    return real_server(Storage)


@pytest.fixture(scope="module")
def cloud(storage):
    with Swift(storage) as cloud:
        for container in ("CRM", "Billing"):
            cloud.request("PUT", container)
        yield cloud


@pytest.fixture(scope="module")
def server(start_shared_server, cloud, examples, wait):
    """A server with both services copied into its pickup folder, and the rest made by commands."""
    server = start_shared_server(workers=1, plugins=["pickup", "redis", "swift", "json", "zato"])
    for name in ("invoices.py", "billing.py"):
        shutil.copy(examples / "invoices" / name, server.dir / "pickup")
    wait(
        lambda: {item["name"] for item in server.api("admin.service.list")["items"]} >= SERVICES, 20
    )
    there = ["--auth-url", cloud.address, "--auth-type", "v1password", "--tls-ca", str(cloud.pem)]
    login = ["--username", cloud.username, "--password", cloud.password]
    hansa(server, "outgoing", "swift", "create", "Invoice Dispatcher", *there, *login)
    web = ["--url-path", "/invoice.dispatcher", "--service", "invoice.dispatcher"]
    hansa(server, "channel", "http", "create", "invoices", *web)
    taken = ["--after", "delete", "--format", "json", "--service", "billing.receive"]
    watched = ["--containers", "Billing", "--interval", "0.3", *taken]
    hansa(server, "channel", "swift", "create", "billing", *there, *login, *watched)
    noted = "from hansa import Service\nclass Noted(Service):\n    def handle(self):\n"
    noted += "        return self.server.redis.lrange('billing:invoices', 0, -1)\n"
    server.deploy("noted.py", noted)
    return server


def dispatch(server, query, body='{"id":"123"}'):
    """Send an invoice as the article does, by curl; returns the status."""
    url = f"{server.url}/invoice.dispatcher?{query}"
    options = ["-s", "-o", "/dev/null", "-w", "%{http_code}", url, "-d", body]
    done = subprocess.run(["curl", *options], capture_output=True, timeout=30, check=True)
    return int(done.stdout)


def test_an_invoice_reaches_each_target_and_one_takes_it(server, cloud, wait):
    assert dispatch(server, "target=CRM&target=Billing") == 200
    assert cloud.request("GET", "CRM/Invoice").content == b'{"id":"123"}'
    wait(lambda: "123" in hansa(server, "invoke", "noted.noted").stdout, 30)
    wait(lambda: cloud.names(container="Billing") == [], 30)
    assert cloud.names(container="CRM") == ["Invoice"]


def test_a_single_target_is_a_list_of_one(server, cloud):
    assert dispatch(server, "target=CRM", '{"id":"124"}') == 200
    assert cloud.request("GET", "CRM/Invoice").content == b'{"id":"124"}'


def test_a_missing_target_is_the_callers_fault(server):
    assert dispatch(server, "") == 400


def test_a_target_without_a_container_is_told(server, cloud):
    assert dispatch(server, "target=CRM&target=Nobody", '{"id":"125"}') >= 500
    assert cloud.request("GET", "CRM/Invoice").content == b'{"id":"125"}'


def test_another_provider_needs_an_edit_alone(server, cloud, storage):
    with Swift(storage) as other:
        options = ["--auth-url", other.address, "--tls-ca", str(other.pem)]
        hansa(server, "outgoing", "swift", "edit", "Invoice Dispatcher", *options)
        cloud.stop()
        assert dispatch(server, "target=CRM", '{"id":"126"}') == 200
        assert other.request("GET", "CRM/Invoice").content == b'{"id":"126"}'
