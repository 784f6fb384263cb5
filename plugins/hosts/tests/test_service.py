"""What the authority answers to whom: strangers, hostile requests and components that prove nothing
are refused, and no answer says more than that.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from pathlib import Path

import falcon.testing
import pytest
from hansa_authority.authority import certificate_file
from hansa_hosts.cluster import AUTHORITY
from hansa_hosts.service import LARGEST, build
from hansa_loadbalancer.settings import split_address

from plugins.hosts.tests.conftest import Running, a_cluster, make_cluster


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster whose hosts are those of the loopback network."""
    return make_cluster(tmp_path_factory.mktemp("service"), a_cluster("127.0.0.1:8185"))


@pytest.fixture(scope="module")
def client(folder: Path) -> falcon.testing.TestClient:
    """A client of its authority."""
    return falcon.testing.TestClient(build(folder))


def test_the_certificate_is_for_everybody_of_the_network(
    client: falcon.testing.TestClient, tmp_path: Path
):
    assert client.simulate_get("/authority").content.startswith(b"-----BEGIN CERTIFICATE")
    make_cluster(tmp_path / "other", a_cluster("10.0.0.1:8185", "10.0.0.0/8"))
    stranger = falcon.testing.TestClient(build(tmp_path / "other"))
    answer = stranger.simulate_get("/authority")
    assert answer.status_code == 403
    assert "network" in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b"[" * 60_000, 400),
        (b'{"token": 1, "request": "", "address": ""}', 400),
        (b'{"token": "x", "request": "x", "address": "127.0.0.1:1"}', 403),
        (b'{"token": "\\ud800", "request": "x", "address": "127.0.0.1:1"}', 403),
        (b" " * (LARGEST + 1), 413),
        (b"\xff\xfe", 400),
    ],
)
def test_what_is_no_request_is_refused(client: falcon.testing.TestClient, body: bytes, status: int):
    answer = client.simulate_post("/members", body=body)
    assert answer.status_code == status
    assert set(answer.json) == {"title", "detail"}


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(running: Running):
    certificate = certificate_file(running.folder / AUTHORITY)
    context = ssl.create_default_context(cafile=str(certificate))
    host, port = split_address(running.address)
    connection = http.client.HTTPSConnection(host, port, timeout=30, context=context)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/members")
        connection.putheader("Content-Length", str(LARGEST + 1))
        connection.endheaders(b"{")
        assert connection.getresponse().status == 413


@pytest.mark.parametrize("secret", ["", "Bearer ", "Bearer x", "Basic eDp4", "Bearer \u00e9"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_who_proves_nothing_is_refused(client: falcon.testing.TestClient, method: str, secret: str):
    answer = client.simulate_request(
        method, "/members/server1", headers={"Authorization": secret}, body=b"{}"
    )
    assert answer.status_code == 401


def test_an_error_of_its_own_tells_nothing(folder: Path, client: falcon.testing.TestClient):
    file = folder / AUTHORITY / "cluster.json"
    content = file.read_text()
    file.write_text(json.dumps({"name": "secret-of-odb"}))
    try:
        answer = client.simulate_get("/authority")
    finally:
        file.write_text(content)
    assert answer.status_code in (403, 500)
    assert "secret-of-odb" not in answer.text
