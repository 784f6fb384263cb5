"""Outgoing HTTP to a server that authenticates connections by the server side of pyspnego."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hansa import Invalid, Misused, TimedOut, Unavailable, load
from hansa_authority.authority import create_authority, issue
from hansa_devkit import LocalServer
from hansa_devkit.contract import Contract
from hansa_http.address import HttpAddress
from hansa_http.outgoing import HttpOutgoing
from hansa_ntlm.plugin import hansa_startup
from hansa_ntlm.security import Ntlm
from hansa_ntlm.settings import NtlmSettings
from spnego.channel_bindings import GssChannelBindings

from plugins.ntlm.tests.ntlm_server import NtlmServer

GOOD = {"username": "svc-hansa", "password": "correct horse é", "domain": "EXAMPLE"}


class TestNtlm(Contract):
    """The type holds the contract of configured types."""

    cls = Ntlm
    good = GOOD


@pytest.fixture(autouse=True)
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounts that the server knows."""
    file = tmp_path / "accounts"
    file.write_text("EXAMPLE:svc-hansa:correct horse é\nEXAMPLE:other:another horse\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(file))


@pytest.fixture
def peer() -> Iterator[NtlmServer]:
    with NtlmServer() as server:
        yield server


def make(**settings: Any) -> Ntlm:
    return Ntlm("intranet", load(NtlmSettings, {**GOOD, **settings}), LocalServer())


def connect(url: str, security: Any, **settings: Any) -> HttpOutgoing:
    given = {"address": url, "security": "intranet", "retries": 0, **settings}
    server = LocalServer(security={"intranet": security})
    outgoing = HttpOutgoing("intranet", load(HttpAddress, given), server)
    outgoing.start()
    return outgoing


def test_a_connection_is_authenticated_once_and_kept(peer: NtlmServer) -> None:
    outgoing = connect(peer.url, make())
    body = b"x" * 100_000
    assert outgoing.post(body, headers={"Content-Type": "text/plain"}).text == body.decode()
    # the body is not sent with the first message of the handshake
    assert peer.legs == [("", body), ("NTLM", b""), ("NTLM", body)]
    for number in range(5):
        assert outgoing.put(f"{number}", headers={"Content-Type": "text/plain"}).status == 200
    assert [leg for leg, _ in peer.legs[3:]] == [""] * 5
    users = {user for user, _, _ in peer.handled}
    connections = {connection for _, _, connection in peer.handled}
    assert (users, len(connections)) == ({"EXAMPLE\\svc-hansa"}, 1)
    outgoing.stop()


def test_many_threads_have_a_connection_each(peer: NtlmServer) -> None:
    outgoing = connect(peer.url, make(), pool_size=3)
    answers: list[tuple[str, str]] = []

    def call(number: int) -> None:
        for index in range(5):
            sent = f"{number}/{index}"
            answers.append((sent, outgoing.post(sent, headers={"Content-Type": "text/plain"}).text))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 40 and all(sent == answer for sent, answer in answers)
    connections = {connection for _, _, connection in peer.handled}
    assert 1 <= len(connections) <= 3
    outgoing.stop()


def test_a_server_that_forgets_is_told_again(peer: NtlmServer) -> None:
    peer.forgets = True
    outgoing = connect(peer.url, make())
    for _ in range(3):
        assert outgoing.get().status == 200
    assert [leg for leg, _ in peer.legs] == ["", "NTLM", "NTLM"] * 3
    outgoing.stop()


def test_wrong_credentials_are_tried_once(peer: NtlmServer) -> None:
    outgoing = connect(peer.url, make(password="wrong"), retries=3)
    answer = outgoing.get()
    assert (answer.status, len(peer.legs), peer.handled) == (401, 3, [])
    outgoing.stop()


def test_an_edit_counts_at_once_on_connections_that_are_kept(peer: NtlmServer) -> None:
    outgoing = connect(peer.url, make())
    outgoing.get()
    outgoing.server.objects.security = lambda name: edited  # type: ignore[method-assign]  # as an edit does
    edited = make(username="other", password="another horse")
    outgoing.get()
    assert [user for user, _, _ in peer.handled] == ["EXAMPLE\\svc-hansa", "EXAMPLE\\other"]
    outgoing.stop()


@pytest.mark.parametrize("challenge", ["NTLM bm90IG50bG0=", "NTLM TlRMTVNTUAACAAAA"])
def test_a_challenge_that_cannot_be_used(peer: NtlmServer, challenge: str) -> None:
    peer.challenge = challenge
    outgoing = connect(peer.url, make())
    with pytest.raises(Unavailable, match="challenge of NTLM cannot be used") as caught:
        outgoing.get()
    assert "correct horse" not in caught.value.reason
    outgoing.stop()


@pytest.mark.parametrize("challenge", ["NTLM", "NTLM ====", 'Basic realm="a, b", NTLM', "Basic"])
def test_a_server_that_goes_no_further_has_its_401_returned(
    peer: NtlmServer, challenge: str
) -> None:
    peer.challenge = challenge
    outgoing = connect(peer.url, make())
    assert outgoing.get().status == 401
    outgoing.stop()


def test_servers_without_ntlm_are_called_as_ever() -> None:
    class Plain(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(401 if self.path == "/basic" else 200)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        statuses = []
        for path in ("/", "/basic"):
            outgoing = connect(url, make(), url_path=path)
            statuses.append(outgoing.get().status)
            outgoing.stop()
        assert statuses == [200, 401]
        server.shutdown()
        thread.join()


def test_no_connection_in_time(peer: NtlmServer) -> None:
    outgoing = connect(peer.url, make(), pool_size=1)
    exchange = outgoing._pool()
    with exchange._connected(make().begin_handshake, 1):
        with pytest.raises(TimedOut, match="all 1 connections are busy"):
            outgoing.get(timeout=0.1)
    assert outgoing.get().status == 200
    outgoing.stop()


def test_over_tls_a_handshake_is_bound_to_the_certificate(tmp_path: Path) -> None:
    create_authority(tmp_path / "ca")
    issued = issue(tmp_path / "ca", "peer", [])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    der = x509.load_pem_x509_certificate(issued.certificate.read_bytes()).public_bytes(Encoding.DER)
    with NtlmServer(context) as peer:
        for digest, expected in ((hashlib.sha256(der).digest(), 200), (b"\1" * 32, 401)):
            bindings = b"tls-server-end-point:" + digest
            peer.channel_bindings = GssChannelBindings(application_data=bindings)
            outgoing = connect(peer.url, make(), verify=False)
            assert outgoing.get().status == expected
            outgoing.stop()


def test_settings_that_cannot_work() -> None:
    with pytest.raises(Invalid) as caught:
        make(username="EXAMPLE\\svc", password="", domain="a\\b")
    assert set(caught.value.errors) == {"username", "password", "domain"}
    with pytest.raises(Misused, match="authenticates connections"):
        make().sign({})


def test_nothing_of_a_handshake_is_logged(
    peer: NtlmServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    hansa_startup(LocalServer())
    outgoing = connect(peer.url, make())
    outgoing.get()
    outgoing.stop()
    assert not [record for record in caplog.records if record.name.startswith("spnego")]
    assert "correct horse" not in caplog.text
