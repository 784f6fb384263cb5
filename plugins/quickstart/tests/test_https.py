"""A cluster whose load-balancer has a certificate: the address that commands find, and readiness."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hansa_cli.access import recorded_trust, recorded_url
from hansa_cli.location import Choice, locate_server, locate_trust
from hansa_quickstart import readiness
from hansa_quickstart.component import LOAD_BALANCER, WEB_ADMIN, Component, open_component
from hansa_quickstart.create import Plan, create
from hansa_quickstart.start import Start


@pytest.fixture
def cluster(tmp_path: Path) -> Component:
    """A new cluster that is not started, with HTTPS."""
    folder = tmp_path / "qs"
    create(Plan(folder, f"sqlite:///{folder}/odb.sqlite", schema=False), lambda line: None)
    config = folder / "load-balancer" / "config.toml"
    config.write_text(config.read_text().replace("# certificate", "certificate"))
    return open_component(folder)


class Answer(BaseHTTPRequestHandler):
    """Answers 401, as the admin's port does without the password; 200 as being alive."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/hansa/load-balancer/alive" else 401)
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
    assert about["http"] == "https://127.0.0.1:11223"
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
    text = config.read_text().replace(":8183", f":{admin_port}").replace(":11223", f":{admin_port}")
    config.write_text(text)
    for kind in (WEB_ADMIN, LOAD_BALANCER):
        (part,) = open_component(cluster.folder).parts_of(kind)
        assert readiness.works(part)
    config.write_text(text.replace("certificate =", "# certificate ="))
    for kind in (WEB_ADMIN, LOAD_BALANCER):
        (part,) = open_component(cluster.folder).parts_of(kind)
        assert not readiness.works(part)
