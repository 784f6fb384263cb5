"""From outside: a running server whose definitions refer to the vault."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until

from plugins.vault.tests.stub import VaultStub

SOURCE = """
from hansa import Service


class Hello(Service):
    name = "hello"

    def handle(self):
        return {"caller": str(self.request.principal)}
"""
CONFIG = """
[vault]
address = "{address}"
token = {{"$file" = "{token}"}}
tls_ca = "{ca}"
refresh = 1

[services]
files = ["hello.py"]

[security.apikey.partner]
key = {{"$vault" = "orders/partner#key"}}

[channel.http.hello]
url_path = "/hello"
service = "hello"
format = "json"
security = "partner"
"""
OLD = "the-first-key-of-the-partner-0123456789"
NEW = "the-second-key-of-the-partner-9876543210"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate for 127.0.0.1 in vault.pem and its key in key.pem."""
    folder = tmp_path_factory.mktemp("tls")
    files = ["-keyout", "key.pem", "-out", "vault.pem"]
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2"
    name = ["-subj", "/CN=vault", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [*command.split(), *name, *files]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, timeout=20)
    return folder


@pytest.fixture(scope="module")
def vault(certificate: Path) -> Iterator[VaultStub]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "vault.pem", certificate / "key.pem")
    stub = VaultStub(context=context)
    stub.issue("root", paths={"secret/orders/partner", "secret/orders/late"})
    stub.put("orders/partner", key=OLD)
    yield stub
    stub.stop()
    assert stub.misuses == []


@pytest.fixture(scope="module")
def server(
    vault: VaultStub, certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("vault")
    (folder / "hello.py").write_text(SOURCE)
    (folder / "token").write_text("root\n")
    config = CONFIG.format(
        address=vault.address, token=folder / "token", ca=certificate / "vault.pem"
    )
    made = RunningServer(folder, config, workers=1, plugins=["vault"])
    made.start()
    yield made
    made.stop()


def status(server: RunningServer, key: str) -> int:
    return server.get("/hello", headers={"X-API-Key": key}).status_code


def definition(server: RunningServer) -> dict[str, Any]:
    found: dict[str, Any] = server.api("admin.security.apikey.get", name="partner")
    return found


def test_a_secret_is_rotated_without_an_edit(vault: VaultStub, server: RunningServer):
    assert status(server, OLD) == 200
    assert status(server, NEW) == 401
    before = definition(server)["revision"]
    vault.put("orders/partner", key=NEW)
    wait_until(lambda: status(server, NEW) == 200)
    assert status(server, OLD) == 401
    assert definition(server)["revision"] == before


def test_nothing_shows_the_secret(server: RunningServer):
    reference = {"$vault": "orders/partner#key"}
    assert definition(server)["key"] == reference
    exported = server.cli("export", "-").stdout
    assert "orders/partner#key" in exported
    told = exported + server.log()
    assert OLD not in told and NEW not in told


@pytest.mark.parametrize(
    ("reference", "fault"),
    [
        ("orders/partner#none", "the secret orders/partner in the vault has no field none"),
        ("orders/other#key", "the vault does not let this server read orders/other"),
        ("orders/late#key", "the vault has no secret orders/late"),
        ("orders", "'orders' is not of the form path#field"),
    ],
)
def test_a_definition_with_a_wrong_reference_is_refused(
    server: RunningServer, reference: str, fault: str
):
    with pytest.raises(ApiError) as caught:
        server.api("admin.security.bearer.create", name="b", tokens=[{"$vault": reference}])
    assert caught.value.status == 400
    assert fault in str(caught.value.problem)


def test_a_sealed_vault_is_told_to_who_edits_and_stops_nobody_else(
    vault: VaultStub, server: RunningServer
):
    vault.sealed = True
    try:
        with pytest.raises(ApiError) as caught:
            server.api("admin.security.bearer.create", name="b", tokens=[{"$vault": "new/one#key"}])
        assert caught.value.status == 503
        assert caught.value.problem["detail"] == "the vault answered with status 503: it is sealed"
        assert status(server, NEW) == 200
    finally:
        vault.sealed = False
