"""Outgoing HTTPS: certificates are verified unless that is switched off, and own authorities are
trusted by file.
"""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hansa import Unavailable

from plugins.http.tests.certificates import write_certificate

pytestmark = pytest.mark.evidence("tls")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a self-signed certificate for 127.0.0.1 and its key."""
    file = tmp_path_factory.mktemp("tls") / "peer.pem"
    write_certificate(file)
    return file


@pytest.fixture
def secure(certificate):
    """The port of an HTTPS server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_an_unknown_certificate_is_refused(secure, connections):
    with pytest.raises(Unavailable, match=r"(?i)certificate"):
        connections(f"https://127.0.0.1:{secure}", retries=0).get()


def test_an_authority_is_trusted_by_file(secure, connections, certificate):
    assert (
        connections(f"https://127.0.0.1:{secure}", tls_ca=str(certificate)).get().content == b"ok"
    )


def test_the_name_counts_too(secure, connections, certificate):
    with pytest.raises(Unavailable):
        connections(f"https://localhost:{secure}", tls_ca=str(certificate), retries=0).get()


def test_verification_can_be_switched_off_by_connection(secure, connections):
    assert connections(f"https://127.0.0.1:{secure}", verify=False).get().content == b"ok"
