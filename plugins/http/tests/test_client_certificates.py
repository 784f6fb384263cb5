"""Client certificates at the listener: asked for, required, and handed to services; those that a
proxy forwards are read as RFC 9440 has them.
"""

from __future__ import annotations

import base64
import ssl
import subprocess
from pathlib import Path

import pytest
from hansa import HansaError, Invalid, Service, load
from hansa_http.certificate import ServerCertificate
from hansa_http.client_certificate import CONNECTION, certificates_of
from hansa_http.early import HttpSection
from hansa_http.proxies import Proxies

from plugins.http.tests.certificates import write_certificate

pytestmark = pytest.mark.evidence("tls")

SECRET = "0123456789abcdef"


class Count(Service):
    """Tells how many certificates the caller has presented, and how long the first is."""

    def handle(self) -> None:
        found = self.request.certificates
        self.response.payload = f"{len(found)} {len(found[0]) if found else 0}".encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with key and certificate, which is its own authority."""
    write_certificate(tmp_path / "own.pem")
    return tmp_path / "own.pem"


def curl(site, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["curl", "-s", "--max-time", "15", "--cacert", str(file), *options]
    return subprocess.run(
        [*command, f"{site.url}/test"], capture_output=True, text=True, check=False, timeout=20
    )


def der_of(file: Path) -> bytes:
    pem = file.read_text()
    return ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERT") :])


@pytest.mark.only_waitress
def test_a_certificate_is_asked_for_and_handed_on(sites, file):
    site = sites(certificate=str(file), client_ca=str(file))
    site.add(Count, format=None)
    assert curl(site, file).stdout == "0 0"
    presented = curl(site, file, "--cert", str(file))
    assert presented.stdout == f"1 {len(der_of(file))}"
    # the header of a client is nobody's
    forged = f"Client-Cert: :{base64.b64encode(der_of(file)).decode()}:"
    assert curl(site, file, "-H", forged).stdout == "0 0"


@pytest.mark.only_waitress
def test_a_certificate_is_required(sites, file):
    site = sites(certificate=str(file), client_ca=str(file), client_certificates="required")
    site.add(Count, format=None)
    assert curl(site, file, "--cert", str(file)).stdout.startswith("1 ")
    assert curl(site, file).returncode in (35, 56)


@pytest.mark.only_waitress
def test_another_authority_is_refused_in_the_handshake(sites, file, tmp_path):
    site = sites(certificate=str(file), client_ca=str(file))
    site.add(Count, format=None)
    write_certificate(tmp_path / "other.pem")
    assert curl(site, file, "--cert", f"{tmp_path}/other.pem").returncode in (35, 56)


def test_authorities_that_cannot_be_used_are_told_by_setting(file, tmp_path):
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(Invalid, match=r"http\.client_ca"):
        ServerCertificate(file, tmp_path / "none.pem")
    with pytest.raises(Invalid, match="client_ca: needs certificate"):
        load(HttpSection, {"client_ca": "ca.pem"})


ONE = b"0\x03\x02\x01\x01"
TWO = b"0\x82\x00\x03\x02\x01\x02"


def item(data: bytes) -> str:
    return f":{base64.b64encode(data).decode()}:"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, ()),
        ({"HTTP_CLIENT_CERT": item(ONE)}, (ONE,)),
        ({"HTTP_CLIENT_CERT_CHAIN": item(ONE)}, ()),
        ({"HTTP_CLIENT_CERT": item(ONE), "HTTP_CLIENT_CERT_CHAIN": item(TWO)}, (ONE, TWO)),
        (
            {
                "HTTP_CLIENT_CERT": f" {item(ONE)}",
                "HTTP_CLIENT_CERT_CHAIN": f"{item(ONE)}, {item(TWO)}",
            },
            (ONE, ONE, TWO),
        ),
        (
            {"HTTP_CLIENT_CERT": item(ONE), "HTTP_CLIENT_CERT_CHAIN": item(TWO + ONE)},
            (ONE, TWO, ONE),
        ),
        ({"HTTP_CLIENT_CERT": item(b"0\x84\xff\xff\xff\xff")}, (b"0\x84\xff\xff\xff\xff",)),
    ],
)
def test_what_a_proxy_forwards(headers, found):
    environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_HANSA_PROXY": SECRET, **headers}
    Proxies(["10.0.0.1"], SECRET).peer(environ)
    assert certificates_of(environ) == found


@pytest.mark.parametrize("field", ["x", ":x:", "::", ":AAAA", f"{item(ONE)}, {item(ONE)}", ":=:"])
def test_what_is_no_forwarded_certificate_is_a_bad_request(field):
    with pytest.raises(HansaError, match="RFC 9440") as caught:
        certificates_of({"HTTP_CLIENT_CERT": field})
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("proxies", "proof"),
    [
        (Proxies(), SECRET),
        (Proxies(["10.0.0.1"]), ""),
        (Proxies(["10.0.0.1"], SECRET), ""),
        (Proxies(["10.0.0.1"], SECRET), SECRET[1:]),
        (Proxies(["10.0.0.2"], SECRET), SECRET),
    ],
)
def test_without_the_secret_nobody_forwards(proxies, proof):
    environ = {
        "REMOTE_ADDR": "10.0.0.1",
        "HTTP_X_HANSA_PROXY": proof,
        "HTTP_CLIENT_CERT": item(ONE),
        "HTTP_CLIENT_CERT_CHAIN": item(TWO),
    }
    proxies.peer(environ)
    assert certificates_of(environ) == ()


def test_the_certificate_of_a_proxy_is_not_its_callers():
    environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_HANSA_PROXY": SECRET, CONNECTION: (ONE,)}
    Proxies(["10.0.0.1"], SECRET).peer(environ)
    assert certificates_of(environ) == ()
    environ = {"REMOTE_ADDR": "10.0.0.1", CONNECTION: (ONE,)}
    Proxies(["10.0.0.1"], SECRET).peer(environ)
    assert certificates_of(environ) == (ONE,)
