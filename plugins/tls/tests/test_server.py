"""From outside: curl and openssl present client certificates to HAProxy, which forwards them to a
server, and a connection of that server presents its own.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_tls.matching import fingerprint

from plugins.tls.tests.authority import Authority, Issued

pytestmark = pytest.mark.evidence("tls", "real_server")

SECRET = "0123456789abcdef0123456789abcdef"
SOURCE = """
from hansa import Service


class Who(Service):
    def handle(self):
        principal = self.request.principal
        return {"name": principal, "subject": principal.subject, "peer": self.request.peer}


class Ask(Service):
    def handle(self):
        answer = self.outgoing.http["front"].get()
        return {"status": answer.status, "answer": answer.data}
"""
CONFIG = """
[http]
trusted_proxies = ["127.0.0.1"]
proxy_secret = "{secret}"

[services]
files = ["who.py"]

[security.tls.partner]
authorities = "{folder}/ca.crt"
crl = "{folder}/list.crl"
subject_attributes = {{O = "Partner"}}

[security.tls_ca.trusted]
certificates = '''{ca}'''

[security.tls_key.own]
certificate = '''{certificate}'''
key = '''{key}'''

[outgoing.http.front]
address = "https://localhost:{front}"
url_path = "/who"
tls_ca = "trusted"
tls_certificate = "own"

[channel.http.who]
url_path = "/who"
service = "who.who"
format = "json"
security = "partner"

[channel.http.ask]
url_path = "/ask"
service = "who.ask"
format = "json"
"""
BALANCER = """
[loadbalancer]
bind = "127.0.0.1:{front}"
certificate = "front.pem"
client_ca = "ca.crt"
proxy_secret = "{secret}"

[[loadbalancer.servers]]
name = "one"
address = "127.0.0.1:{port}"
"""


@dataclass(frozen=True)
class Site:
    """A server, HAProxy in front of it, and the authority of all."""

    server: RunningServer
    authority: Authority
    middle: Authority
    folder: Path
    front: int

    def written(self, issued: Issued, name: str) -> list[str]:
        """Write a certificate with its key, and return the options of curl that present them."""
        certificate, key = issued.write(self.folder, name)
        return ["--cert", str(certificate), "--key", str(key)]

    def curl(self, *options: str) -> tuple[int, dict[str, str]]:
        """Return status and body of an answer to curl at the front."""
        command = ["curl", "-s", "--max-time", "20", "--cacert", f"{self.folder}/ca.crt"]
        command += ["-w", "\n%{http_code}", *options, f"https://localhost:{self.front}/who"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority("root")
    middle = Authority("middle", authority)
    lists = [
        each.revoke(folder=folder / name).read_text()
        for name, each in (("root", authority), ("middle", middle))
    ]
    (folder / "ca.crt").write_text(authority.pem)
    (folder / "list.crl").write_text("".join(lists))
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    own = authority.issue("CN=localhost", x509.DNSName("localhost"), usage=usage)
    (folder / "front.pem").write_text(own.pem + own.key_pem)
    client = authority.issue("CN=hansa,O=Partner")
    front, port = free_port(), free_port()
    (folder / "server").mkdir()
    (folder / "server" / "who.py").write_text(SOURCE)
    config = CONFIG.format(
        secret=SECRET,
        folder=folder,
        ca=authority.pem,
        certificate=client.pem,
        key=client.key_pem,
        front=front,
    )
    (folder / "balancer.toml").write_text(BALANCER.format(front=front, secret=SECRET, port=port))
    server = RunningServer(
        folder / "server", config, workers=1, port=port, plugins=["loadbalancer", "tls"]
    )
    server.start()
    command = [sys.executable, "-m", "hansa", "loadbalancer", "run"]
    command += ["--config", f"{folder}/balancer.toml", "--dir", f"{folder}/balancer"]
    balancer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert balancer.stdout is not None
        assert balancer.stdout.readline().startswith("load-balancer: https://")
        made = Site(server, authority, middle, folder, front)
        wait_until(lambda: made.curl()[0] == 401, 20, "HAProxy hands on requests")
        yield made
    finally:
        balancer.terminate()
        balancer.communicate(timeout=30)
        server.stop()


def test_curl_is_let_in_by_its_certificate(site):
    options = site.written(site.authority.issue("CN=alice,OU=Payments,O=Partner"), "alice")
    status, answer = site.curl(*options)
    assert (status, answer["name"], answer["peer"]) == (200, "alice", "127.0.0.1")
    assert answer["subject"] == "CN=alice,OU=Payments,O=Partner"


def test_openssl_is_let_in_with_one_between(site):
    middle = site.middle
    certificate, key = middle.issue("CN=carol,O=Partner").write(site.folder, "carol")
    (site.folder / "middle.crt").write_text(middle.pem)
    command = ["openssl", "s_client", "-quiet", "-connect", f"localhost:{site.front}"]
    command += ["-cert", str(certificate), "-key", str(key)]
    command += ["-cert_chain", f"{site.folder}/middle.crt"]
    request = "GET /who HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    done = subprocess.run(
        command, input=request, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stdout.startswith("HTTP/1.1 200") and '"name":"carol"' in done.stdout


def test_what_is_wrong_gets_401_with_a_challenge_and_a_cid(site):
    stranger = Authority("root")
    wrong = {
        "expired": site.authority.issue("CN=alice,O=Partner", days=(-2, -1)),
        "early": site.authority.issue("CN=alice,O=Partner", days=(1, 2)),
        "stranger": stranger.issue("CN=alice,O=Partner"),
        "unlisted": site.authority.issue("CN=alice,O=Other"),
    }
    answers = [site.curl(*site.written(one, name)) for name, one in wrong.items()]
    assert [status for status, _ in answers] == [401] * 4
    assert {answer["detail"] for _, answer in answers} == {"the client certificate is not accepted"}
    assert all(answer["cid"] for _, answer in answers)
    found = requests.get(f"{site.server.url}/who", timeout=20)
    assert found.headers["WWW-Authenticate"] == 'ClientCertificate realm="hansa"'


def test_headers_of_clients_are_nobodys(site):
    alice = site.authority.issue("CN=alice,O=Partner")
    header = f":{base64.b64encode(alice.der).decode()}:"
    status, _ = site.curl("-H", f"Client-Cert: {header}", "-H", f"X-Hansa-Proxy: {SECRET}")
    assert status == 401
    direct = f"{site.server.url}/who"
    for proof in ({}, {"X-Hansa-Proxy": SECRET[:-1]}):
        found = requests.get(direct, headers={"Client-Cert": header, **proof}, timeout=20)
        assert found.status_code == 401
    # whoever knows the secret is a proxy
    proof = {"X-Hansa-Proxy": SECRET}
    found = requests.get(direct, headers={"Client-Cert": header, **proof}, timeout=20)
    assert found.status_code == 200
    found = requests.get(direct, headers={"Client-Cert": header[1:], **proof}, timeout=20)
    assert found.status_code == 400


def test_who_is_revoked_is_out_soon(site):
    dora = site.authority.issue("CN=dora,O=Partner")
    options = site.written(dora, "dora")
    assert site.curl(*options)[0] == 200
    file = site.authority.revoke(dora, folder=site.folder / "root")
    (site.folder / "list.crl").write_bytes(file.read_bytes())
    wait_until(lambda: site.curl(*options)[0] == 401, 2, "the new list counts")


def test_an_edit_takes_effect_at_once_also_for_a_certificate_that_was_verified(site):
    options = site.written(site.authority.issue("CN=eve,O=Partner"), "eve")
    assert site.curl(*options)[0] == 200
    attributes = {"O": "Another"}
    site.server.api("admin.security.tls.edit", name="partner", subject_attributes=attributes)
    assert site.curl(*options)[0] == 401
    attributes = {"O": "Partner"}
    site.server.api("admin.security.tls.edit", name="partner", subject_attributes=attributes)
    assert site.curl(*options)[0] == 200


def test_a_rotation_under_load_refuses_nobody(site):
    old = site.authority.issue("CN=frank,O=Old")
    new = site.authority.issue("CN=frank,O=New")
    presented = [one.write(site.folder, name) for name, one in (("old", old), ("new", new))]
    site.server.api(
        "admin.security.tls.edit",
        name="partner",
        subject_attributes={},
        fingerprints=[fingerprint(old.certificate)],
    )
    is_known = threading.Event()
    is_over = threading.Event()
    found: list[int] = []

    def call() -> None:
        while not is_over.is_set():
            certificate, key = presented[1 if is_known.is_set() else 0]
            answer = requests.get(
                f"https://localhost:{site.front}/who",
                cert=(str(certificate), str(key)),
                verify=f"{site.folder}/ca.crt",
                timeout=20,
            )
            found.append(answer.status_code)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    both = [fingerprint(old.certificate), fingerprint(new.certificate)]
    for fingerprints in (both, both[1:]):
        count = len(found)
        wait_until(lambda count=count: len(found) > count + 10, 10)
        site.server.api("admin.security.tls.edit", name="partner", fingerprints=fingerprints)
        is_known.set()
        count = len(found)
        wait_until(lambda count=count: len(found) > count + 10, 10)
    is_over.set()
    for thread in threads:
        thread.join(20)
    site.server.api(
        "admin.security.tls.edit",
        name="partner",
        subject_attributes={"O": "Partner"},
        fingerprints=[],
    )
    assert set(found) == {200}


def test_a_connection_presents_its_own_by_the_name_of_a_definition(site):
    answer = site.server.get("/ask").json()
    assert (answer["status"], answer["answer"]["name"]) == (200, "hansa")
    other = site.authority.issue("CN=renewed,O=Partner")
    site.server.api(
        "admin.security.tls_key.edit", name="own", certificate=other.pem, key=other.key_pem
    )
    wait_until(lambda: site.server.get("/ask").json()["answer"]["name"] == "renewed", 5)
    shown = json.dumps(site.server.api("admin.security.tls_key.get", name="own"))
    assert "PRIVATE" not in shown and "BEGIN CERTIFICATE" in shown
    with pytest.raises(ApiError, match="in use by outgoing http 'front'"):
        site.server.api("admin.security.tls_ca.delete", name="trusted")


def test_a_certificate_that_ends_soon_is_told_of(site):
    soon = site.authority.issue("CN=soon", days=(-1, 3))
    site.server.api(
        "admin.security.tls_key.create", name="soon", certificate=soon.pem, key=soon.key_pem
    )
    told = json.dumps(site.server.api("admin.security.tls_key.get", name="soon"))
    assert "CN=soon expires on" in told and "in 2 days" in told
    logged = "".join(path.read_text() for path in site.server.folder.rglob("*.log"))
    assert "CN=soon expires on" in logged and "PRIVATE" not in logged
