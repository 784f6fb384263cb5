"""The development CA: its certificates verify, for the names they are for, and its keys stay
private.
"""

from __future__ import annotations

import datetime
import shutil
import ssl
import subprocess
import threading

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hansa_authority.authority import create_authority, install, issue
from hansa_authority.commands import ca as commands
from hansa_authority.failure import Failure
from hansa_authority.renewal import alone
from hansa_authority.subject import Subject


@pytest.fixture
def ca(tmp_path):
    create_authority(tmp_path / "ca")
    return tmp_path / "ca"


def verifier(ca, host):
    store = Store(x509.load_pem_x509_certificates((ca / "ca-material/ca-cert.pem").read_bytes()))
    return PolicyBuilder().store(store).build_server_verifier(x509.DNSName(host))


def certificate(issued):
    return x509.load_pem_x509_certificate(issued.certificate.read_bytes())


def test_a_certificate_is_good_for_its_hosts_and_no_others(ca):
    found = certificate(issue(ca, "server1", ["esb.example"]))
    for host in ("localhost", "server1", "esb.example"):
        verifier(ca, host).verify(found, [])
    with pytest.raises(VerificationError):
        verifier(ca, "other.example").verify(found, [])


def test_another_authority_does_not_accept_it(ca, tmp_path):
    create_authority(tmp_path / "other")
    with pytest.raises(VerificationError):
        verifier(tmp_path / "other", "localhost").verify(certificate(issue(ca, "server1")), [])


@pytest.mark.evidence("real_server")
def test_openssl_accepts_it_for_servers_and_clients(ca):
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl here")
    issued = issue(ca, "server1")
    for purpose in ("sslserver", "sslclient"):
        command = [
            "openssl",
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-CAfile",
            ca / "ca-material/ca-cert.pem",
        ]
        done = subprocess.run(
            [*command, issued.certificate], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        ["openssl", "req", "-verify", "-noout", "-in", issued.request],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.evidence("tls")
def test_a_tls_connection_between_two_components(ca, tmp_path):
    for name in ("server1", "load-balancer"):
        (tmp_path / name).mkdir()
        install(ca, issue(ca, name), tmp_path / name)

    def context(name, purpose):
        folder = tmp_path / name / "certificates"
        made = ssl.create_default_context(purpose, cafile=folder / "ca-cert.pem")
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_cert_chain(folder / "cert-key.pem")
        return made

    server, client = (
        context("server1", ssl.Purpose.CLIENT_AUTH),
        context("load-balancer", ssl.Purpose.SERVER_AUTH),
    )
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        answered = []

        def serve():
            with server.wrap_socket(listening.accept()[0], server_side=True) as connection:
                answered.append(dict(part[0] for part in connection.getpeercert()["subject"]))
                connection.sendall(b"hello")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with client.wrap_socket(
            socket.create_connection(listening.getsockname()), server_hostname="server1"
        ) as connection:
            assert connection.recv(5) == b"hello"
        thread.join(10)
    assert answered[0]["commonName"] == "load-balancer"


def test_keys_are_private_and_belong_to_their_files(ca):
    issued = issue(ca, "server1")
    for file in (issued.key, ca / "ca-material/ca-key.pem"):
        assert file.stat().st_mode & 0o077 == 0, file
    key = serialization.load_pem_private_key(issued.key.read_bytes(), None)
    public = serialization.load_pem_public_key(issued.public.read_bytes())
    assert key.public_key() == public == certificate(issued).public_key()
    assert x509.load_pem_x509_csr(issued.request.read_bytes()).public_key() == public


def test_names_lifetimes_and_refusals(ca, tmp_path):
    create_authority(tmp_path / "named", Subject(organization="ACME", country="AT"), "ACME CA")
    found = x509.load_pem_x509_certificate(
        (tmp_path / "named/ca-material/ca-cert.pem").read_bytes()
    )
    assert found.subject.rfc4514_string().startswith("CN=ACME CA,OU=Development,O=ACME")
    left = certificate(issue(ca, "s")).not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert 800 < left.days < 826  # browsers refuse those that last longer
    with pytest.raises(Failure, match="not empty"):
        create_authority(ca)
    with pytest.raises(Failure, match="not valid"):
        create_authority(tmp_path / "wrong", Subject(country="Austria"))
    with pytest.raises(Failure, match="is not a certificate authority"):
        issue(tmp_path, "server1")


def test_a_second_certificate_differs(ca):
    first = certificate(issue(ca, "server1"))
    second = certificate(issue(ca, "server1"))
    assert first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()


def run(*words):
    result = CliRunner().invoke(commands, [str(word) for word in words])
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result


def test_certificates_are_renewed_for_the_same_hosts_where_they_are_used(ca, tmp_path):
    before = {}
    for name in ("server1", "load-balancer", "lonely"):
        issued = issue(ca, name, ["esb.example"])
        before[name] = certificate(issued)
        if name != "lonely":
            (tmp_path / name).mkdir()
            install(ca, issued, tmp_path / name)
    own = tmp_path / "load-balancer/certificates/cert-key.pem"
    own.write_text("one of another authority")
    listed = run("list", tmp_path).output
    assert (
        "server1: until 20" in listed and "days), used by server1, for server1, localhost" in listed
    )
    assert "lonely" in listed and "used by no component beside it" in listed
    assert run("renew", ca, "--within", 30).output == "nothing is to be renewed\n"
    said = run("renew", tmp_path, "--within", 900).output
    assert "server1: renewed, used by server1" in said
    for name, old in before.items():
        new = x509.load_pem_x509_certificate((ca / f"out-cert/{name}-cert.pem").read_bytes())
        assert new.serial_number != old.serial_number and new.public_key() != old.public_key()
        assert new.subject == old.subject
        verifier(ca, "esb.example").verify(new, [])
    installed = (tmp_path / "server1/certificates/cert-key.pem").read_text()
    assert installed.startswith((ca / "out-cert/server1-cert.pem").read_text())
    ssl.create_default_context().load_cert_chain(tmp_path / "server1/certificates/cert-key.pem")
    assert own.read_text() == "one of another authority"
    refused = run("renew", ca, "server9")
    assert refused.exit_code == 15
    assert "no certificate of server9 (there are: load-balancer, lonely, server1)" in refused.output
    assert run("list", tmp_path / "server1").exit_code == 3


def test_a_renewal_that_was_interrupted_is_completed_by_another(ca, tmp_path):
    installed = tmp_path / "server1/certificates/cert-key.pem"
    installed.parent.parent.mkdir()
    install(ca, issue(ca, "server1"), installed.parent.parent)
    before = installed.read_text()
    issue(ca, "server1")
    assert "used by server1" in run("list", ca).output, "the earlier one is still in use"
    assert "used by server1" in run("renew", ca).output
    assert installed.read_text() != before
    assert installed.read_text().startswith((ca / "out-cert/server1-cert.pem").read_text())


def test_what_a_component_still_has_decides_when_it_is_renewed(ca, tmp_path, monkeypatch):
    (tmp_path / "server1").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("hansa_authority.extensions.CERTIFICATE_DAYS", 10)
        install(ca, issue(ca, "server1"), tmp_path / "server1")
    issue(ca, "server1")
    assert "(9 days), used by server1" in run("list", ca).output
    assert "server1: renewed, used by server1" in run("renew", ca, "--within", 30).output
    assert run("renew", ca, "--within", 30).output == "nothing is to be renewed\n"


def test_two_renewals_at_once_do_not_mix_up_keys(ca):
    issue(ca, "server1")
    with alone(ca):
        refused = run("renew", ca)
    assert refused.exit_code == 1 and "another command is renewing certificates" in refused.output
    assert run("renew", ca).exit_code == 0
