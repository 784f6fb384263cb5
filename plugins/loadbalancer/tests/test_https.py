"""HTTPS beside HTTP or alone, and certificates that are replaced while clients are served."""

from __future__ import annotations

import os
import re
import shlex
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from hansa import Invalid, load
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_loadbalancer.generate import generate
from hansa_loadbalancer.settings import LoadBalancerSection

from plugins.loadbalancer.tests.support import Posts, call, self_signed

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder with a certificate, as the configuration names it."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "cert-key.pem").write_bytes(b"".join(self_signed(1)))
    return folder


def context() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def served(port: int) -> int:
    """The serial number of the certificate that is served to a new connection."""
    from cryptography import x509

    with socket.create_connection(("127.0.0.1", port), 5) as plain:
        with context().wrap_socket(plain) as connection:
            certificate = connection.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).serial_number


def handshake(port: int, version: str) -> str:
    """What OpenSSL prints of a handshake of one version of TLS, by a client that would take any
    cipher.
    """
    done = subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{port}"),
            *(f"-{version}", "-cipher", "ALL:@SECLEVEL=0"),
        ],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


def test_https_beside_http_and_alone(start, certificates: Path):
    port, admin = free_port(), free_port()
    balancer = start(
        certificate=str(certificates / "cert-key.pem"),
        https_bind=f"127.0.0.1:{port}",
        admin_bind=f"127.0.0.1:{admin}",
    )
    forged = {"X-Forwarded-Proto": "https"}
    plain = call(balancer.port, "GET", "/x", headers=forged)[2]
    secure = call(port, "GET", "/x", headers={"X-Forwarded-Proto": "http"}, tls=context())[2]
    assert plain["headers"]["x-forwarded-proto"] == "http"
    assert secure["headers"]["x-forwarded-proto"] == "https"
    assert call(admin, "GET", "/hansa/api/x")[2]["headers"]["x-forwarded-proto"] == "http"
    for version in ("tls1", "tls1_1"):
        refused = handshake(port, version)
        assert "New, (NONE)" in refused and "BEGIN CERTIFICATE" not in refused, refused
    for version, name in (("tls1_2", "TLSv1.2"), ("tls1_3", "TLSv1.3")):
        assert re.search(f"New, {name}, Cipher is (?!.NONE)", handshake(port, version))
    text = balancer.config.read_text()
    balancer.config.write_text(text.replace("[loadbalancer]", "[loadbalancer]\nhttps_only = true"))
    about = wait_until(lambda: (found := balancer.control.about()).attempt and found)
    assert (about.how, about.url) == ("reload", f"https://127.0.0.1:{port}")

    def refuses() -> bool:
        try:
            call(balancer.port, "GET", "/x")
        except ConnectionRefusedError:
            return True
        return False

    wait_until(refuses, what="nothing listens at bind")
    for number in (port, admin):
        path = "/hansa/api/x"
        answer = call(number, "GET", path, headers={"X-Forwarded-Proto": "http"}, tls=context())
        assert answer[2]["headers"]["x-forwarded-proto"] == "https"


def deploy_hook() -> str:
    """The command that the README gives to certbot."""
    (found,) = re.findall(r"--deploy-hook '(.*?)'\n```", README.read_text(), re.DOTALL)
    return found


def test_a_certificate_of_certbot_is_served_and_no_request_is_lost(
    start, certificates: Path, tmp_path: Path
):
    port = free_port()
    balancer = start(certificate=str(certificates / "cert-key.pem"), https_bind=f"127.0.0.1:{port}")
    assert served(port) == 1
    # as certbot has them: links into an archive
    live, archive = tmp_path / "live", tmp_path / "archive"
    live.mkdir()
    archive.mkdir()
    hook = deploy_hook().replace("/srv/cluster/load-balancer/certificates", str(certificates))
    with Posts(port, tls=context()) as posts:
        for serial in (2, 3):
            chain, key = self_signed(serial)
            for name, content in (("fullchain", chain), ("privkey", key)):
                (archive / f"{name}{serial}.pem").write_bytes(content)
                (live / f"{name}.pem").unlink(missing_ok=True)
                (live / f"{name}.pem").symlink_to(archive / f"{name}{serial}.pem")
            posts.wait_for(20)
            environment = {**os.environ, "RENEWED_LINEAGE": str(live)}
            subprocess.run(["sh", "-c", hook], env=environment, check=True, timeout=30)
            wait_until(lambda wanted=serial: served(port) == wanted, what="the new one is served")
            posts.wait_for(20)
        # half a file, and then a key of another certificate: the one before is served on
        attempts = balancer.control.about().attempt
        for content in (chain, chain + self_signed(4)[1]):
            (certificates / "cert-key.pem").write_bytes(content)
            attempts += 1
            wait_until(lambda wanted=attempts: balancer.control.about().attempt == wanted)
            assert "loadbalancer.certificate" in (balancer.control.about().faults or {})
        posts.wait_for(20)
        assert served(port) == 3
    assert not posts.faults, posts.faults[:5]
    assert (certificates / "cert-key.pem").stat().st_mode & 0o077 == 0
    assert shlex.split(hook)


@pytest.mark.parametrize(
    ("data", "name", "fault"),
    [
        ({"https_bind": "127.0.0.1:1"}, "https_bind", "needs a certificate"),
        ({"https_only": True, "certificate": "x"}, "https_only", "needs https_bind"),
        ({"https_bind": "x", "certificate": "x"}, "https_bind", "not a valid HOST:PORT"),
        ({"https_bind": "127.0.0.1:11223", "certificate": "x"}, "https_bind", "same as bind"),
    ],
)
def test_what_has_no_meaning_is_refused(data: dict[str, object], name: str, fault: str):
    with pytest.raises(Invalid) as caught:
        load(LoadBalancerSection, data)
    assert fault in caught.value.errors[name]


def test_the_lines_of_haproxy(tmp_path: Path):
    data = {"certificate": "x.pem", "https_bind": "127.0.0.1:11224", "admin_bind": "127.0.0.1:8183"}
    lines = generate(load(LoadBalancerSection, data), tmp_path).text.splitlines()
    tls = f'ssl crt "{tmp_path}/x.pem" alpn h2,http/1.1'
    assert [line.strip() for line in lines if line.startswith("    bind ")] == [
        "bind 127.0.0.1:11223  # setting: bind",
        f"bind 127.0.0.1:11224 {tls}  # setting: certificate",
        "bind 127.0.0.1:8183  # setting: admin_bind",
    ]
    assert "    ssl-default-bind-options ssl-min-ver TLSv1.2" in lines
    schemes = [line.strip() for line in lines if "X-Forwarded-Proto" in line]
    assert schemes == [
        "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
        "http-request set-header X-Forwarded-Proto http",
    ]
