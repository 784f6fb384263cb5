"""A stand-in is a script with a port and a password, which speaks TLS if it has a certificate."""

from __future__ import annotations

import pytest
import requests
from hansa_devkit.harness.stand_ins import StandIn

from plugins.sql.tests.support import issued

SCRIPT = """
import ssl
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{sys.argv[2]} {self.path}".encode())

    def log_message(self, *given):
        pass


server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


class Echo(StandIn):
    name, path = "echo-stand-in", "/v1"


class SecureEcho(Echo):
    secure = True

    def certificates(self):
        return issued()


@pytest.mark.parametrize("secure", [False, True])
def test_it_answers_at_its_address(secure, tmp_path):
    Echo.script = tmp_path / "echo.py"
    Echo.script.write_text(SCRIPT)
    with (SecureEcho if secure else Echo)() as peer:
        settings = peer.settings
        assert settings["address"].startswith("https://" if secure else "http://")
        trusted = settings.get("tls_ca", True)
        answer = requests.get(settings["address"], verify=trusted, timeout=20)
    assert answer.text == f"{peer.password} /v1"
