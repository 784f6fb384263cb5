"""Who is let in by a client certificate: its chain, period, revocation, and what is listed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hansa import Invalid, Refused, Request, Unavailable, load
from hansa_devkit import LocalServer
from hansa_devkit.contract import Contract
from hansa_tls.matching import fingerprint
from hansa_tls.plugin import hansa_security
from hansa_tls.security import ClientCertificate
from hansa_tls.settings import ClientCertificateSettings
from hansa_tls.trust import DEEPEST

from plugins.tls.tests.authority import Authority, Issued

CA = Authority("root")
STRANGER = Authority("root")
SUBJECT = "CN=alice,OU=Payments,O=Partner,C=DE"
ALICE = CA.issue(
    SUBJECT,
    x509.DNSName("Alice.example.com"),
    x509.RFC822Name("alice@example.com"),
    x509.UniformResourceIdentifier("spiffe://example.com/alice"),
)
BOB = CA.issue("CN=bob,O=Partner,C=DE")


@contextmanager
def running(**settings: Any) -> Iterator[ClientCertificate]:
    config = load(ClientCertificateSettings, {"authorities": CA.pem, **settings})
    one = ClientCertificate("partner", config, LocalServer())
    one.start()
    yield one
    one.stop()


def presented(*certificates: Issued) -> Request:
    return Request(certificates=tuple(one.der for one in certificates), peer="10.0.0.1")


def refused(one: ClientCertificate, *certificates: Issued) -> Refused:
    with pytest.raises(Refused) as caught:
        one.authenticate(presented(*certificates))
    return caught.value


def test_whoever_the_authority_has_signed_is_let_in_with_all_that_is_known():
    with running() as one:
        for _ in range(2):
            principal = one.authenticate(presented(ALICE))
            assert (principal, principal.definition) == ("alice", "partner")
            assert principal.subject == SUBJECT
            assert principal.fingerprint == fingerprint(ALICE.certificate)
        assert one.ping() == "accepts certificates of CN=root,O=Hansa tests"


MIDDLE = Authority("middle", CA)
NO_AUTHORITY = Authority("none", CA, ca=False)
ONLY_LISTS = Authority(
    "lists",
    CA,
    x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    ),
)
WRONG = {
    "none": [],
    "of another authority of the same name": [STRANGER.issue(SUBJECT)],
    "expired": [CA.issue(SUBJECT, days=(-2, -1))],
    "not valid yet": [CA.issue(SUBJECT, days=(1, 2))],
    "of a server": [CA.issue(SUBJECT, usage=ExtendedKeyUsageOID.SERVER_AUTH)],
    "without the one between": [MIDDLE.issue(SUBJECT)],
    "signed by a client": [ALICE.issue("CN=eve"), ALICE],
    "signed by what is no authority": [NO_AUTHORITY.issue(SUBJECT), NO_AUTHORITY],
    "signed by what may sign lists alone": [ONLY_LISTS.issue(SUBJECT), ONLY_LISTS],
    "that names nobody": [CA.issue("O=Partner")],
    "that names two": [CA.issue("CN=alice,CN=bob")],
}


@pytest.mark.parametrize("certificates", WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_refused_alike(certificates):
    with running() as one:
        refusal = refused(one, *certificates)
        assert refusal.headers["WWW-Authenticate"] == 'ClientCertificate realm="hansa"'
        what = "not accepted" if certificates else "required"
        assert what in refusal.detail and "Partner" not in refusal.detail


@pytest.mark.parametrize(
    "der", [b"", b"0", b"x" * 9000, ALICE.der[:-1], ALICE.der + b"0", b"0\x82\xff\xff"]
)
def test_what_is_no_certificate_is_refused(der):
    with running() as one, pytest.raises(Refused):
        one.authenticate(Request(certificates=(der,), peer="10.0.0.1"))


def test_a_chain_may_have_others_between_and_no_more_than_is_allowed():
    with running() as one:
        assert one.authenticate(presented(MIDDLE.issue("CN=carol"), MIDDLE)) == "carol"
        deep = MIDDLE
        between = [MIDDLE]
        for number in range(DEEPEST):
            deep = Authority(f"middle {number}", deep)
            between.append(deep)
        refused(one, deep.issue("CN=dora"), *between)
        refused(one, BOB, *[CA] * 20)


MATCHES = [
    {"subjects": [SUBJECT]},
    {"subjects": ["CN=somebody else", SUBJECT]},
    {"subject_attributes": {"O": "Partner", "OU": "Payments"}},
    {"subject_attributes": {"2.5.4.3": "alice"}},
    {"alternative_names": ["dns:alice.EXAMPLE.com"]},
    {"alternative_names": ["email:alice@example.com"]},
    {"alternative_names": ["uri:spiffe://example.com/alice"]},
    {"fingerprints": ["00" * 32, fingerprint(ALICE.certificate)]},
    {"fingerprints": [fingerprint(ALICE.certificate).upper()], "subjects": ["CN=x"]},
    {"fingerprints": [fingerprint(ALICE.certificate)], "authorities": ""},
]


@pytest.mark.parametrize("settings", MATCHES)
def test_who_is_listed_is_let_in_and_nobody_else(settings):
    with running(**settings) as one:
        assert one.authenticate(presented(ALICE)) == "alice"
        refused(one, BOB)


def test_a_listed_fingerprint_counts_only_in_its_time():
    old = CA.issue("CN=old", days=(-2, -1))
    with running(authorities="", fingerprints=[fingerprint(old.certificate)]) as one:
        refused(one, old)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("common_name", "alice"),
        ("dns", "alice.example.com"),
        ("email", "alice@example.com"),
        ("uri", "spiffe://example.com/alice"),
    ],
)
def test_what_names_the_caller_is_a_setting(source, name):
    with running(principal=source) as one:
        assert one.authenticate(presented(ALICE)) == name
        if source != "common_name":
            refused(one, BOB)


def test_who_is_revoked_is_out_within_a_second_of_the_new_list(tmp_path, monkeypatch):
    monkeypatch.setattr("hansa_tls.anchors.INTERVAL", 0.0)
    file = CA.revoke(folder=tmp_path)
    with running(crl=str(file)) as one:
        assert one.authenticate(presented(ALICE)) == "alice"
        CA.revoke(ALICE, folder=tmp_path)
        refused(one, ALICE)
        assert one.authenticate(presented(BOB)) == "bob"
        file.write_text("broken")
        refused(one, ALICE)
        assert one.authenticate(presented(BOB)) == "bob"
        file.unlink()
        refused(one, ALICE)


def test_without_a_current_list_nobody_can_say_who_is_revoked(tmp_path):
    outdated = CA.outdated_list()
    other = STRANGER.revoke(folder=tmp_path / "other").read_text()
    with running(crl=other) as one, pytest.raises(Unavailable):
        one.authenticate(presented(ALICE))
    with running(crl=outdated) as one:
        with pytest.raises(Unavailable, match="outdated"):
            one.authenticate(presented(ALICE))
        refused(one, STRANGER.issue(SUBJECT))


def test_who_is_itself_among_the_authorities_cannot_be_revoked_and_is_refused(tmp_path):
    own = Authority("own", ca=False)
    both = CA.pem + own.pem
    with running(authorities=both) as one:
        assert one.authenticate(presented(own)) == "own"
    with running(authorities=both, crl=str(CA.revoke(folder=tmp_path / "lists"))) as one:
        refused(one, own)
        assert one.authenticate(presented(BOB)) == "bob"


def test_what_is_remembered_is_bounded_and_ends_with_the_certificate(monkeypatch):
    monkeypatch.setattr("hansa_tls.security.REMEMBERED", 2)
    with running() as one:
        for name in ("a", "b", "c"):
            one.authenticate(presented(CA.issue(f"CN={name}")))
        assert [each.principal for each in one._verified.values()] == ["b", "c"]
        one.authenticate(presented(CA.issue("CN=soon", days=(-1, 1 / 1440))))
        *_, soon = one._verified.values()
        assert soon.principal == "soon" and soon.until <= monotonic() + 60


def test_authorities_are_read_again_when_their_file_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("hansa_tls.anchors.INTERVAL", 0.0)
    file = tmp_path / "ca.pem"
    file.write_text(CA.pem)
    other = STRANGER.issue("CN=zoe")
    with running(authorities=str(file)) as one:
        assert one.authenticate(presented(ALICE)) == "alice"
        refused(one, other)
        file.write_text(STRANGER.pem + CA.pem)
        assert one.authenticate(presented(other)) == "zoe"
        file.write_text(STRANGER.pem)
        refused(one, ALICE)


def test_many_refusals_are_told_to_wait_and_hold_up_nobody_who_is_right():
    with running() as one:
        for number in range(12):
            last = refused(one, STRANGER.issue(f"CN={number}"))
        assert int(last.headers["Retry-After"]) > 0
        assert one.authenticate(presented(ALICE)) == "alice"


@pytest.mark.parametrize(
    ("settings", "faulty"),
    [
        ({}, {"authorities"}),
        (
            {"authorities": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"},
            {"authorities"},
        ),
        ({"fingerprints": ["00" * 32], "crl": "/x"}, {"crl"}),
        ({"authorities": CA.pem, "crl": CA.partial_list()}, {"crl"}),
        (
            {
                "authorities": CA.pem,
                "subjects": ["alice"],
                "subject_attributes": {"XX": "y"},
                "alternative_names": ["alice.example.com"],
                "fingerprints": ["00"],
                "crl": "-----BEGIN X509 CRL-----",
            },
            {
                "subjects[0]",
                "subject_attributes[0]",
                "alternative_names[0]",
                "fingerprints[0]",
                "crl",
            },
        ),
    ],
)
def test_all_faults_are_told_by_setting(settings, faulty):
    with pytest.raises(Invalid) as caught:
        load(ClientCertificateSettings, settings)
    assert set(caught.value.errors) == faulty


def test_files_that_are_not_there_are_told_when_it_starts(tmp_path: Path):
    with (
        pytest.raises(Unavailable, match="No such file"),
        running(authorities=str(tmp_path / "none")),
    ):
        pass
    with pytest.raises(Invalid, match="crl"), running(crl=os.devnull):
        pass


class TestContract(Contract):
    cls = ClientCertificate
    good = {"authorities": CA.pem}


def test_the_plugin_has_three_types():
    assert [one.type for one in hansa_security()] == ["tls", "tls_ca", "tls_key"]
