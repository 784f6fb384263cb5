"""A running server is asked over HTTPS where it has a certificate, and only that one is trusted."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hansa_doctor.running import ask
from hansa_quickstart.component import Component

from plugins.doctor.tests.conftest import Run

CERTIFICATE = "certificates/cert-key.pem"


class Answers(BaseHTTPRequestHandler):
    """Answers as an admin service does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        text = json.dumps({"path": self.path, "login": self.headers["Authorization"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def https(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Component]:
    """A server with a certificate that speaks HTTPS alone."""
    server = Component(cluster / "server1")
    monkeypatch.setattr(Component, "pid", lambda self: 4711)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.folder / CERTIFICATE)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as peer:
        peer.socket = context.wrap_socket(peer.socket, server_side=True)
        thread = threading.Thread(target=peer.serve_forever)
        thread.start()
        text = server.config.read_text()
        own = server.addresses[0]
        text = text.replace(own, f"127.0.0.1:{peer.server_address[1]}")
        section = f'[http]\ncertificate = "{CERTIFICATE}"\n'
        server.config.write_text(text.replace("[http]\n", section, 1))
        yield Component(server.folder)
        peer.shutdown()
        thread.join(30)


def test_a_server_over_https_alone(https: Component):
    answer = ask(https, "admin.cluster.status", {"all": True})
    assert answer is not None
    assert answer["path"] == "/hansa/api/admin.cluster.status"
    assert answer["login"].startswith("Basic ")


def test_the_password_goes_to_nobody_else(https: Component, tmp_path: Path, run: Run):
    other = tmp_path / "other"
    words = ["--servers", "1", "--base_port", "30000"]
    assert run("quickstart", "create", other, *words).exit_code == 0
    for name in (CERTIFICATE, "../ca/ca-material/ca-cert.pem"):
        file = https.folder / name
        file.write_text((other / "server1" / name).read_text())
    assert ask(https, "admin.cluster.status") is None
