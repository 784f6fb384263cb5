"""The listener over TLS, asked by independent clients: Python's ssl and OpenSSL, fast and slow ones;
on waitress and on granian.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hansa import Invalid, Request, Response, Service
from hansa_devkit.harness.waiting import wait_until
from hansa_http.certificate import ServerCertificate

from plugins.http.tests.certificates import write_certificate

pytestmark = pytest.mark.evidence("tls")

LARGE = 6 * 2**20


class Echo(Service):
    """Answers with the body; after `?size=N` with so many bytes."""

    def handle(self) -> None:
        size = int(self.request.params.get("size", 0))
        self.response.payload = b"x" * size if size else self.request.raw
        environ = self.request.environ or {}
        self.response.headers["X-Scheme"] = environ["wsgi.url_scheme"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "cert-key.pem"
    write_certificate(file)
    return file


@pytest.fixture
def secure(sites, file: Path):
    """A site over TLS that echoes."""
    site = sites(certificate=str(file), max_body=2 * LARGE)
    site.add(Echo, format=None)
    return site


def connect(site, file: Path) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=file)
    plain = socket.create_connection(("127.0.0.1", site.port), timeout=15)
    return context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)


def test_bodies_of_every_size_both_ways_on_kept_connections(secure, file: Path):
    def ask(number: int) -> None:
        context = ssl.create_default_context(cafile=file)
        with httpx2.Client(verify=context, trust_env=False, timeout=30) as client:
            for size in (1, 2**14, 2**14 + 1, 2**17, 300_000 + number):
                body = bytes([number]) * size
                answer = client.post(f"{secure.url}/test", content=body)
                assert answer.status_code == 200 and answer.content == body
                assert answer.headers["X-Scheme"] == "https"

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [None] * 8


def test_a_client_that_reads_slowly_gets_all_of_it_and_a_proper_end(secure, file: Path):
    with connect(secure, file) as client:
        client.sendall(
            f"GET /test?size={LARGE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        time.sleep(0.3)  # its buffers are full by then
        received = b""
        while part := client.recv(2**16):  # a truncated stream would raise
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b"x" * LARGE


def test_requests_in_a_row_in_one_record(secure, file: Path):
    request = b"POST /test HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
    with connect(secure, file) as client, client.makefile("rb") as stream:
        client.sendall(request + b"1" + request + b"2" + request + b"3")
        bodies = [secure.read_answer(stream) for _ in range(3)]
    assert [(status, body) for status, _, body in bodies] == [(200, b"1"), (200, b"2"), (200, b"3")]


def test_only_tls_1_2_and_1_3(secure):
    for version, wanted in (("tls1_1", ""), ("tls1_2", "TLSv1.2"), ("tls1_3", "TLSv1.3")):
        done = subprocess.run(
            [
                *("openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}"),
                *(f"-{version}", "-cipher", "ALL:@SECLEVEL=0", "-alpn", "h2,http/1.1"),
            ],
            input="",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert bool(re.search(r"New, TLSv\S+, Cipher is (?!.NONE)", done.stdout)) == bool(wanted)
        if wanted:
            assert f"New, {wanted}, " in done.stdout
            assert "ALPN protocol: http/1.1" in done.stdout


def test_who_speaks_no_tls_or_stops_in_the_handshake_disturbs_nobody(secure, file: Path):
    idle = [socket.create_connection(("127.0.0.1", secure.port), timeout=15) for _ in range(5)]
    with socket.create_connection(("127.0.0.1", secure.port), timeout=15) as plain:
        plain.sendall(b"GET /test HTTP/1.1\r\nHost: x\r\n\r\n")
        received = plain.recv(100)
        assert not received.startswith(b"HTTP")
    idle[0].sendall(b"\x16\x03\x01")
    idle[1].close()
    with connect(secure, file) as client, client.makefile("rb") as stream:
        client.sendall(b"GET /test?size=3 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert secure.read_answer(stream)[2] == b"xxx"
    for connection in idle:
        connection.close()


def test_an_incomplete_request_gets_408(sites, file: Path):
    site = sites(certificate=str(file), channel_timeout=1)
    with connect(site, file) as client, client.makefile("rb") as stream:
        client.sendall(b"POST /test HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        assert site.read_answer(stream)[0] == 408


def served(site) -> int:
    certificate = ssl.get_server_certificate(("127.0.0.1", site.port))
    return x509.load_pem_x509_certificate(certificate.encode()).serial_number


def test_a_certificate_that_is_replaced_is_served_and_a_spoiled_one_is_not(
    secure,
    file: Path,
    http_server: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr("hansa_http.certificate.LOOK", 0.05)
    answers: list[int] = []
    over = threading.Event()

    def call() -> None:
        with httpx2.Client(verify=False, trust_env=False, timeout=15) as client:
            while not over.is_set():
                answers.append(client.get(f"{secure.url}/test?size=1").status_code)

    caller = threading.Thread(target=call)
    caller.start()
    fresh = file.with_name("fresh.pem")
    serial = write_certificate(fresh)
    fresh.replace(file)
    wait_until(lambda: served(secure) == serial, 15)
    file.write_text("spoiled")
    time.sleep(0.1)
    assert served(secure) == served(secure) == serial
    other = write_certificate(fresh, ec.SECP521R1())
    fresh.replace(file)
    if http_server == "granian":  # which cannot use such a key
        wait_until(lambda: "granian takes keys" in caplog.text, 30)
        assert f"http.certificate: {file} cannot be used: granian takes keys" in caplog.text
        assert served(secure) == serial
    else:
        wait_until(lambda: served(secure) == other, 15)
    over.set()
    caller.join(15)
    assert set(answers) == {200}


def test_a_certificate_that_is_replaced_while_threads_are_busy_leaves_health_checks_alone(
    sites, file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hansa_http.certificate.LOOK", 0.05)
    site = sites(certificate=str(file), threads=3, max_threads=10)
    begun = threading.Semaphore(0)
    release = threading.Event()

    def wait(request: Request) -> Response:
        begun.release()
        release.wait(30)
        return Response(cid=request.cid)

    site.add().dispatch = wait

    def occupy(stack: ExitStack, current: Path) -> list[ssl.SSLSocket]:
        clients = [stack.enter_context(connect(site, current)) for _ in range(3)]
        for client in clients:
            client.sendall(b"GET /test HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in clients:
            assert begun.acquire(timeout=15)
        return clients

    with ExitStack() as stack:
        stack.callback(release.set)
        first = occupy(stack, file)
        fresh = file.with_name("fresh.pem")
        serial = write_certificate(fresh)
        fresh.replace(file)
        wait_until(lambda: served(site) == serial, 15)
        release.set()
        for client in first:
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        release.clear()
        occupy(stack, file)
        client = stack.enter_context(connect(site, file))
        client.sendall(b"GET /hansa/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_file_that_cannot_be_used_is_refused_by_its_setting(tmp_path: Path):
    for content in (None, "", "-----BEGIN CERTIFICATE-----"):
        file = tmp_path / "cert.pem"
        if content is not None:
            file.write_text(content)
        with pytest.raises(Invalid) as caught:
            ServerCertificate(file)
        assert f"{file} cannot be used" in caught.value.errors["http.certificate"]
