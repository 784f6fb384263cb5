"""A cluster whose load-balancer has a certificate: the address that commands find, and readiness."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from cryptography import x509
from hansa_cli.access import recorded_trust, recorded_url
from hansa_cli.location import Choice, locate_server, locate_trust
from hansa_devkit.harness.waiting import wait_until
from hansa_quickstart import readiness
from hansa_quickstart.component import LOAD_BALANCER, WEB_ADMIN, Component, open_component
from hansa_quickstart.create import Plan, create
from hansa_quickstart.start import Start

from plugins.quickstart.tests.conftest import Cluster

pytestmark = pytest.mark.evidence("tls")


@pytest.fixture
def cluster(tmp_path: Path) -> Component:
    """A new cluster that is not started, with HTTPS."""
    folder = tmp_path / "qs"
    create(Plan(folder, f"sqlite:///{folder}/odb.sqlite", schema=False), lambda line: None)
    config = folder / "load-balancer" / "config.toml"
    config.write_text(config.read_text().replace("# https_only", "https_only"))
    return open_component(folder)


class Answer(BaseHTTPRequestHandler):
    """Answers 401, as the admin's port does without the password; 200 as being alive."""

    def do_GET(self) -> None:
        is_known = self.path in ("/hansa/load-balancer/alive", "/login")
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *values: object) -> None:
        pass


@pytest.fixture
def admin_port(cluster: Component) -> Iterator[int]:
    """The port of what speaks HTTPS with the certificate of the cluster's load-balancer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cluster.folder / "load-balancer" / "certificates" / "cert-key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_the_scheme_and_the_certificates_are_recorded(cluster: Component) -> None:
    Start(cluster)._record_address()
    about = json.loads((cluster.folder / "run" / "server.json").read_text())
    assert about["http"] == "https://127.0.0.1:11224"
    choice = Choice(None, cluster.folder)
    assert locate_server(choice).value == recorded_url(cluster.folder) == about["http"]
    trust = locate_trust(choice)
    assert trust.only
    assert trust.files == recorded_trust(cluster.folder)
    assert [file.name for file in trust.files] == ["ca-cert.pem", "cert-key.pem"]


def test_load_balancer_and_web_admin_are_asked_over_https(
    cluster: Component, admin_port: int
) -> None:
    config = cluster.folder / "load-balancer" / "config.toml"
    text = config.read_text()
    for port in (":8184", ":11223", ":11224"):
        text = text.replace(port, f":{admin_port}")
    config.write_text(text)
    web_config = cluster.folder / "web-admin" / "config.toml"
    web_text = web_config.read_text().replace(":8183", f":{admin_port}")
    web_config.write_text(web_text.replace("# certificate", "certificate"))
    for kind in (WEB_ADMIN, LOAD_BALANCER):
        (part,) = open_component(cluster.folder).parts_of(kind)
        assert readiness.works(part)
    config.write_text(text.replace("https_only =", "# https_only ="))
    web_config.write_text(web_text)
    for kind in (WEB_ADMIN, LOAD_BALANCER):
        (part,) = open_component(cluster.folder).parts_of(kind)
        assert not readiness.works(part)


def _serial(port: int) -> int:
    """The serial number of the certificate that is served at a port."""
    return x509.load_pem_x509_certificate(
        ssl.get_server_certificate(("127.0.0.1", port)).encode()
    ).serial_number


def test_a_renewed_certificate_is_served_while_clients_are_answered(running: Cluster) -> None:
    port = running.base + 2
    authority = str(running.path / "ca/ca-material/ca-cert.pem")
    before, answers, over = _serial(port), [], threading.Event()

    def call() -> None:
        while not over.is_set():
            url = f"https://localhost:{port}/hansa/ready"
            answers.append(requests.get(url, verify=authority, timeout=10).status_code)

    caller = threading.Thread(target=call)
    caller.start()
    try:
        said = running.run("ca", "renew", running.path).stdout
        wait_until(lambda: _serial(port) != before, 15, "the new certificate is served")
        count = len(answers) + 5
        wait_until(lambda: len(answers) > count, 15, "and clients are answered")
    finally:
        over.set()
        caller.join(15)
    for name in ("load-balancer", "server1", "server2", "web-admin"):
        assert f"{name}: renewed, used by {name} " in said
    assert set(answers) == {200}


@pytest.mark.proof
def test_servers_behind_the_load_balancer_speak_tls(make_cluster: Callable[[], Cluster]) -> None:
    """The whole way over TLS, as docs/operations.md has it, and a renewal of all certificates."""
    cluster = make_cluster()
    cluster.create()
    for server in ("server1", "server2"):
        config = cluster.path / server / "config.toml"
        certificate = '[http]\ncertificate = "certificates/cert-key.pem"'
        config.write_text(config.read_text().replace("[http]", certificate))
    config = cluster.path / "load-balancer" / "config.toml"
    authority = '[loadbalancer]\nserver_ca = "certificates/ca-cert.pem"'
    config.write_text(config.read_text().replace("[loadbalancer]", authority))
    cluster.run("start", cluster.path)
    assert requests.get(f"{cluster.front}/hansa/ready", timeout=10).status_code == 200
    ports = (cluster.base + 10, cluster.base + 11)
    for server, port in zip(("server1", "server2"), ports, strict=True):
        trusted = str(cluster.path / server / "certificates/ca-cert.pem")
        url = f"https://localhost:{port}/hansa/ready"
        assert requests.get(url, verify=trusted, timeout=10).status_code == 200
        assert "revision" in cluster.run("server", "status", "--dir", cluster.path / server).stdout
    cluster.run("create", "user", cluster.path, "--username", "u", "--password", "long enough 1")
    before = [_serial(port) for port in ports]
    cluster.run("ca", "renew", cluster.path)
    for port, serial in zip(ports, before, strict=True):
        wait_until(lambda p=port, s=serial: _serial(p) != s, 15, "the new one is served")
    balanced = cluster.api("admin.loadbalancer.servers").json()["items"]
    assert all(server["status"].startswith("UP") for server in balanced)
    cluster.run("stop", cluster.path)
