"""Signatures that are accepted and refused: whose, of what, when, and how often."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hansa import Invalid, Misused, Refused, Request, Unavailable, load
from hansa_devkit import LocalServer, SecurityContract
from hansa_soap.attachments import Attachment, Attachments
from hansa_soap.related import Package
from hansa_x509.faults import FailedCheck, InvalidSecurity
from hansa_x509.security import X509
from hansa_x509.settings import X509Settings
from hansa_xml.parser import parse
from hypothesis import given, settings as examples, strategies as st
from lxml import etree
from zeep.exceptions import SignatureVerificationFailed
from zeep.wsse.signature import _make_verify_key, _verify_envelope_with_key

from plugins.tls.tests.authority import Authority
from plugins.x509.tests.parties import (
    DS,
    NAMES,
    SOAP,
    WSU,
    Party,
    envelope,
    moment,
    party,
    raw,
    rsa_key,
    signed,
)

ALICE = party("alice")
MALLORY = party("mallory")
AUTHORITY = party("authority", authority=True)
BOB = party("bob", issuer=AUTHORITY)
PINNED: dict[str, Any] = {"certificates": [ALICE.pem]}
ISSUED: dict[str, Any] = {"authorities": AUTHORITY.pem, "subjects": ["CN=bob"]}
BROKEN = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
UNACCEPTED = "the signature of the message is not accepted"
UNREADABLE = "a valid Security header with a signature is required"


class TestX509(SecurityContract):
    """The type holds the contract of security types; what callers present is a message of theirs."""

    cls = X509
    good = {**PINNED, "key": ALICE.key_pem, "certificate": ALICE.pem}
    right = {"signer": "alice"}
    wrong = [{"signer": "mallory"}, {"signer": "bob"}]
    signing = {}
    signers = {"alice": ALICE, "mallory": MALLORY, "bob": BOB}

    def request(self, headers: Mapping[str, str]) -> Request:
        request = super().request({})
        signer = self.signers.get(headers.get("signer", ""))
        request.raw = raw(envelope()) if signer is None else raw(signed(signer))
        return request

    def test_signed_calls_are_accepted(self) -> None:
        with self.running() as x509:
            request = super().request({})
            request.raw = x509.sign_message(raw(envelope()))
            assert x509.authenticate(request) == "CN=alice"


def make(directory: Path | None = None, **settings: Any) -> X509:
    given = settings or PINNED
    made = X509("partner", load(X509Settings, given), LocalServer(directory=directory))
    # what it has read stays when it is watched no more
    made.start()
    made.stop()
    return made


def call(x509: X509, message: etree._Element | bytes) -> object:
    sent = message if isinstance(message, bytes) else raw(message)
    return x509.authenticate(Request(sent, peer="192.0.2.7"))


def refused(
    x509: X509, message: etree._Element | bytes, kind: type[Refused], why: str = ""
) -> None:
    with pytest.raises(Refused) as caught:
        call(x509, message)
    assert type(caught.value) is kind, caught.value.reason
    assert caught.value.detail == (UNACCEPTED if kind is FailedCheck else UNREADABLE)
    assert caught.value.headers["WWW-Authenticate"] == 'WSSE realm="hansa", profile="X509Token"'
    assert why in caught.value.reason


def one(root: etree._Element, path: str) -> etree._Element:
    """The first element at a path."""
    found = root.find(path, NAMES)
    assert found is not None
    return found


def remove(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


@pytest.mark.parametrize("as_token", [True, False])
def test_what_zeep_signs_is_accepted_once(as_token: bool) -> None:
    x509 = make()
    message = signed(ALICE, as_token=as_token)
    principal = call(x509, message)
    assert (principal, getattr(principal, "definition", "")) == ("CN=alice", "partner")
    refused(x509, message, FailedCheck, "sent before")
    # also with other bytes around what is signed
    header = one(message, "s:Header/w:Security")
    for child in header:
        child.tail = "\n  "
    one(message, ".//d:SignedInfo").tail = "\n"
    value = one(message, ".//d:SignatureValue")
    value.text = f" {value.text}\n"
    refused(x509, message, FailedCheck, "sent before")


def test_a_message_counts_once_in_all_workers_of_a_server(tmp_path: Path) -> None:
    message = signed(ALICE)
    assert call(make(tmp_path), message) == "CN=alice"
    refused(make(tmp_path), message, FailedCheck, "sent before")


def test_a_certificate_that_the_message_only_names() -> None:
    message = signed(ALICE, as_token=False)
    for certificate in message.findall(".//d:X509Certificate", NAMES):
        remove(certificate)
    other = party("other")
    assert call(make(certificates=[other.pem, ALICE.pem]), message) == "CN=alice"
    refused(make(certificates=[other.pem]), message, FailedCheck)
    refused(make(**ISSUED), message, FailedCheck)


def test_elliptic_curves() -> None:
    curve = party("curve", key=ec.generate_private_key(ec.SECP256R1()))
    x509 = make(certificates=[curve.pem])
    message = signed(curve)
    assert call(x509, message) == "CN=curve"
    refused(x509, message, FailedCheck, "sent before")


def test_certificates_of_an_authority() -> None:
    x509 = make(**ISSUED)
    assert call(x509, signed(BOB)) == "CN=bob"
    carol = party("carol", issuer=AUTHORITY)
    refused(x509, signed(carol), FailedCheck, "neither pinned nor")
    forged = party("bob", key=rsa_key("forged"))
    refused(x509, signed(forged), FailedCheck, "by none of the authorities")
    named = party("authority", key=rsa_key("forged"), authority=True)
    refused(x509, signed(party("bob", issuer=named)), FailedCheck, "by none of the authorities")
    # who was issued a certificate may issue none
    by_bob = party("bob", issuer=BOB, key=rsa_key("forged"))
    refused(make(authorities=BOB.pem, subjects=["CN=bob"]), signed(by_bob), FailedCheck)
    # both stand beside each other
    both = make(**ISSUED, **PINNED)
    assert [call(both, signed(signer)) for signer in (ALICE, BOB)] == ["CN=alice", "CN=bob"]


def test_revoked_certificates_of_an_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hansa_tls.anchors.INTERVAL", 0.0)
    authority = Authority("partners")
    issued = [authority.issue("CN=dora"), authority.issue("CN=emil")]
    dora, emil = (Party(one.key, one.certificate) for one in issued)
    certificate, _ = authority.write(tmp_path, "partners")
    lists = authority.revoke(folder=tmp_path)
    subjects = [dora.subject, emil.subject]
    x509 = make(authorities=str(certificate), crl=str(lists), subjects=subjects)
    assert call(x509, signed(dora)) == "CN=dora"
    authority.revoke(issued[0], folder=tmp_path)
    refused(x509, signed(dora), FailedCheck, "it is revoked")
    assert call(x509, signed(emil)) == "CN=emil"
    of_another = Authority("others").revoke(folder=tmp_path / "others").read_text()
    for unknown in (authority.outdated_list(), of_another):
        x509 = make(authorities=authority.pem, crl=unknown, subjects=[emil.subject])
        with pytest.raises(Unavailable, match="certificate revocation list"):
            call(x509, signed(emil))


def test_certificates_that_expire_soon_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    make()
    assert "the certificate CN=alice expires on" in caplog.text
    caplog.clear()
    make(certificates=[party("late", days=(-1, 60)).pem])
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["token", "issuer_serial", "key_identifier"])
def test_what_wss4j_has_signed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of Apache WSS4J 1.6.19, with each of its ways to name a certificate."""
    folder = Path(__file__).parent / "wss4j"
    sent = (folder / f"{name}.xml").read_bytes()
    (created,) = re.findall(rb"Created>([^<]+)<", sent)
    at = datetime.fromisoformat(created.decode()).timestamp() + 10
    monkeypatch.setattr("time.time", lambda: at)
    settings: dict[str, Any] = {"certificates": [(folder / "alice.pem").read_text()]}
    assert call(make(**settings), sent) == "CN=alice"
    refused(make(**settings), sent.replace(b">hi ", b">ho "), FailedCheck, "wrong")
    refused(make(**settings), sent.replace(created, created[:-2] + b"0Z"), FailedCheck, "wrong")


@pytest.mark.parametrize(
    ("signer", "why"),
    [
        (MALLORY, "neither pinned"),
        (party("alice", key=rsa_key("other alice")), "neither pinned"),
        (party("alice", key=rsa_key("alice")), "neither pinned"),
    ],
)
def test_signatures_of_others(signer: Party, why: str) -> None:
    refused(make(), signed(signer), FailedCheck, why)


@pytest.mark.parametrize("days", [(-2, -1), (1, 2)])
def test_certificates_count_while_they_are_valid(days: tuple[float, float]) -> None:
    expired = party("alice", days=days)
    refused(make(certificates=[expired.pem]), signed(expired), FailedCheck, "not valid at this")
    authority = party("old", authority=True, days=days)
    issued = party("bob", issuer=authority)
    old = make(authorities=authority.pem, subjects=["CN=bob"])
    refused(old, signed(issued), FailedCheck, "by none")


def test_certificates_that_are_not_for_signatures() -> None:
    other = party("alice", signs=False)
    refused(make(certificates=[other.pem]), signed(other), FailedCheck, "keyUsage")


def test_a_certificate_of_somebody_else_beside_the_signature() -> None:
    message = signed(MALLORY)
    pinned = one(signed(ALICE), ".//w:BinarySecurityToken")
    one(message, ".//w:BinarySecurityToken").text = pinned.text
    refused(make(), message, FailedCheck, "wrong")


def test_sha1_is_refused_unless_it_is_allowed() -> None:
    message = signed(ALICE, sha1=True)
    refused(make(), message, InvalidSecurity, "rsa-sha1 is not accepted")
    assert call(make(**PINNED, allow_sha1=True), message) == "CN=alice"


@pytest.mark.parametrize(
    ("created", "expires", "why"),
    [(-310, None, "too old"), (70, None, "future"), (-20, -10, "expired")],
)
def test_times(created: int, expires: int | None, why: str) -> None:
    until = "" if expires is None else moment(expires)
    message = signed(ALICE, created=moment(created), expires=until)
    refused(make(), message, FailedCheck, why)


# -- signature wrapping ----------------------------------------------------------------------------


def body_of(message: etree._Element) -> etree._Element:
    return one(message, "s:Body")


def evil_body(message: etree._Element, identifier: str | None = None) -> etree._Element:
    """Put another Body in place of the signed one, which is returned."""
    original = body_of(message)
    evil = etree.Element(f"{{{SOAP}}}Body")
    etree.SubElement(evil, "a").text = "evil"
    if identifier is not None:
        evil.set(f"{{{WSU}}}Id", identifier)
    message.replace(original, evil)
    return original


def wrapped_in_a_header(message: etree._Element) -> None:
    original = evil_body(message)
    holder = etree.SubElement(one(message, "s:Header"), "{urn:x}Holder")
    holder.append(original)


def wrapped_with_the_same_id(message: etree._Element) -> None:
    identifier = body_of(message).get(f"{{{WSU}}}Id")
    original = evil_body(message, identifier)
    holder = etree.SubElement(one(message, "s:Header"), "{urn:x}Holder")
    holder.append(original)


def wrapped_with_another_kind_of_id(message: etree._Element) -> None:
    original = evil_body(message)
    identifier = original.get(f"{{{WSU}}}Id")
    body_of(message).set("{http://www.w3.org/XML/1998/namespace}id", str(identifier))
    one(message, "s:Header").append(original)


def wrapped_in_the_signature(message: etree._Element) -> None:
    original = evil_body(message)
    signature = one(message, ".//d:Signature")
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    holder.append(original)


def wrapped_in_the_body(message: etree._Element) -> None:
    original = evil_body(message)
    body_of(message).append(original)


def a_second_body(message: etree._Element) -> None:
    second = copy.deepcopy(body_of(message))
    second.attrib.clear()
    message.append(second)


def a_second_header(message: etree._Element) -> None:
    header = one(message, "s:Header")
    header.append(copy.deepcopy(header[0]))


def a_second_header_that_is_empty(message: etree._Element) -> None:
    etree.SubElement(one(message, "s:Header"), one(message, ".//w:Security").tag)


def a_second_signature(message: etree._Element) -> None:
    security = one(message, ".//w:Security")
    security.append(copy.deepcopy(one(security, "d:Signature")))


def another_timestamp(message: etree._Element) -> None:
    security = one(message, ".//w:Security")
    stamp = one(security, "u:Timestamp")
    fresh = etree.fromstring(
        f'<u:Timestamp xmlns:u="{WSU}"><u:Created>{moment()}</u:Created></u:Timestamp>'
    )
    security.replace(stamp, fresh)
    one(message, "s:Header").append(stamp)


def the_body_left_out(message: etree._Element) -> None:
    remove(message.findall(".//d:Reference", NAMES)[0])


def more_references_than_ten(message: etree._Element) -> None:
    reference = message.findall(".//d:Reference", NAMES)[0]
    for _ in range(10):
        reference.addnext(copy.deepcopy(reference))


def the_whole_document(message: etree._Element) -> None:
    message.findall(".//d:Reference", NAMES)[0].set("URI", "")


def by_xpointer(message: etree._Element) -> None:
    identifier = body_of(message).get(f"{{{WSU}}}Id")
    uri = f"#xpointer(id('{identifier}'))"
    message.findall(".//d:Reference", NAMES)[0].set("URI", uri)


def algorithm(path: str, name: str) -> Callable[[etree._Element], None]:
    def change(message: etree._Element) -> None:
        message.findall(f".//d:{path}", NAMES)[0].set("Algorithm", name)

    return change


def a_second_transform(message: etree._Element) -> None:
    transforms = message.findall(".//d:Transforms", NAMES)[0]
    xslt = etree.SubElement(transforms, f"{{{DS}}}Transform")
    xslt.set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")


def a_parameter_of_a_transform(message: etree._Element) -> None:
    etree.SubElement(message.findall(".//d:Transform", NAMES)[0], "{urn:x}Parameter")


def a_reference_to_another_token(message: etree._Element) -> None:
    one(message, ".//w:SecurityTokenReference/w:Reference").set("URI", "#another")


def a_token_of_another_type(message: etree._Element) -> None:
    one(message, ".//w:BinarySecurityToken").set("ValueType", "urn:x")


def a_certificate_beside_the_token(message: etree._Element) -> None:
    reference = one(message, ".//w:SecurityTokenReference")
    etree.SubElement(reference, f"{{{DS}}}X509Certificate").text = "AAAA"


def a_short_hmac(message: etree._Element) -> None:
    method = message.findall(".//d:SignatureMethod", NAMES)[0]
    etree.SubElement(method, f"{{{DS}}}HMACOutputLength").text = "8"


def no_signature(message: etree._Element) -> None:
    remove(message.findall(".//d:Signature", NAMES)[0])


def no_token(message: etree._Element) -> None:
    remove(message.findall(".//w:BinarySecurityToken", NAMES)[0])


def a_token_that_is_none(message: etree._Element) -> None:
    one(message, ".//w:BinarySecurityToken").text = "="


def for_another_role(message: etree._Element) -> None:
    security = one(message, ".//w:Security")
    security.set(f"{{{SOAP}}}actor", "urn:somebody-else")


@pytest.mark.parametrize(
    "change",
    [
        wrapped_in_a_header,
        wrapped_with_the_same_id,
        wrapped_with_another_kind_of_id,
        wrapped_in_the_signature,
        wrapped_in_the_body,
        a_second_body,
        a_second_header,
        a_second_header_that_is_empty,
        a_second_signature,
        another_timestamp,
        the_body_left_out,
        more_references_than_ten,
        the_whole_document,
        by_xpointer,
        algorithm("CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        algorithm("Transform", "http://www.w3.org/2000/09/xmldsig#enveloped-signature"),
        algorithm("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
        algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        algorithm("DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5"),
        a_second_transform,
        a_parameter_of_a_transform,
        a_reference_to_another_token,
        a_certificate_beside_the_token,
        a_token_of_another_type,
        a_short_hmac,
        no_signature,
        no_token,
        a_token_that_is_none,
        for_another_role,
    ],
    ids=lambda change: change.__name__,
)
def test_what_is_ambiguous_is_not_verified(change: Callable[[etree._Element], None]) -> None:
    message = signed(ALICE)
    change(message)
    refused(make(), message, InvalidSecurity)


def test_a_changed_body_or_time() -> None:
    message = signed(ALICE)
    one(message, ".//word").text = "evil"
    refused(make(), message, FailedCheck, "wrong")
    message = signed(ALICE)
    one(message, ".//u:Created").text = moment(5)
    refused(make(), message, FailedCheck, "wrong")
    message = signed(ALICE)
    body_of(message).set("{urn:x}more", "1")
    refused(make(), message, FailedCheck, "wrong")


@pytest.mark.parametrize(
    "message", [b"", b"\x00", b"<a/>", raw(envelope()), b"<!DOCTYPE a>" + raw(signed(ALICE))]
)
def test_messages_without_a_signature(message: bytes) -> None:
    refused(make(), message, InvalidSecurity)


def test_messages_with_attachments_are_not_covered() -> None:
    message = raw(signed(ALICE))
    package = Package(message, Attachments([Attachment(b"x", content_id="a@b")]))
    refused(make(), package, InvalidSecurity, "attachments")
    refused(make(), Package(message, is_xop=True), InvalidSecurity, "attachments")
    assert call(make(), Package(message)) == "CN=alice"


WHOLE = raw(signed(ALICE, body='<a xmlns="urn:a"><b c="1">hi</b>&amp; more</a>'))
PIECES = [b"", b"<", b"/>", b" ", b"<!--x-->", b"<?x?>", b"]]>", b"\xff", b"&#65;", b"Id=", b"hi"]


@examples(max_examples=300, deadline=None)
@given(
    st.integers(0, len(WHOLE)),
    st.integers(0, 40),
    st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)),
    st.integers(0, 200),
)
def test_a_mangled_message_is_refused_or_says_the_same(
    start: int, length: int, piece: bytes, repeated: int
) -> None:
    mangled = WHOLE[:start] + piece + WHOLE[max(0, start - repeated) : start]
    mangled += WHOLE[start + length :]
    x509 = make()
    x509._used.use = lambda *_: True  # type: ignore[method-assign]  # each is the first
    try:
        principal = call(x509, mangled)
    except Refused as refusal:
        assert refusal.status == 401
    else:
        said = etree.tostring(body_of(parse(mangled)), method="c14n", exclusive=True)
        assert said == etree.tostring(body_of(parse(WHOLE)), method="c14n", exclusive=True)
        assert principal == "CN=alice"


# -- outgoing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signer", [ALICE, party("curve", key=ec.generate_private_key(ec.SECP384R1()))]
)
def test_what_it_signs_zeep_accepts_and_so_does_it(signer: Party) -> None:
    x509 = make(key=signer.key_pem, certificate=signer.pem, certificates=[signer.pem], timestamp=60)
    made = x509.sign_message(b"<?xml version='1.0'?>" + raw(envelope("<a> text é</a>")))
    assert made.startswith(b"<?xml")
    root = etree.fromstring(made)
    _verify_envelope_with_key(root, _make_verify_key(signer.pem.encode()))
    header = one(root, ".//w:Security")
    assert [child.tag.rpartition("}")[2] for child in header] == [
        "BinarySecurityToken",
        "Timestamp",
        "Signature",
    ]
    assert call(x509, made) == signer.subject
    one(root, ".//a").text = "evil"
    with pytest.raises(SignatureVerificationFailed):
        _verify_envelope_with_key(root, _make_verify_key(signer.pem.encode()))
    assert x509.sign_message(raw(envelope())) != x509.sign_message(raw(envelope()))


def test_what_cannot_be_signed() -> None:
    x509 = make(key=ALICE.key_pem, certificate=ALICE.pem)
    with pytest.raises(Misused, match="only envelopes"):
        x509.sign_message(b"<a/>")
    with pytest.raises(Misused, match="already"):
        x509.sign_message(raw(signed(ALICE)))
    xop = '<a><x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:a"/></a>'
    with pytest.raises(Misused, match="attachments"):
        x509.sign_message(raw(envelope(xop)))
    with pytest.raises(Misused, match="no key"):
        make().sign_message(raw(envelope()))
    with pytest.raises(Misused, match="nothing else"):
        x509.sign({})
    # it lets nobody in
    refused(x509, signed(ALICE), FailedCheck)


def test_settings_that_cannot_work() -> None:
    weak = party("weak", key=rsa_key("weak", 1024))
    encrypted = ALICE.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    ).decode()
    edwards = ed25519.Ed25519PrivateKey.generate()
    other_kind = edwards.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"reject_expiry_limit": 300}, {"certificates"}),
        ({"certificates": ["x", weak.pem]}, {"certificates[0]", "certificates[1]"}),
        ({"authorities": AUTHORITY.pem}, {"subjects"}),
        ({"subjects": ["CN=bob"], **PINNED}, {"authorities"}),
        ({"authorities": BROKEN, "subjects": ["CN=bob"]}, {"authorities"}),
        ({"authorities": weak.pem, "subjects": ["CN=bob"]}, {"authorities"}),
        ({"crl": "/a/file", **PINNED}, {"crl"}),
        ({"crl": BROKEN, **ISSUED}, {"crl"}),
        ({"key": ALICE.key_pem}, {"certificate"}),
        ({"certificate": ALICE.pem}, {"key"}),
        ({"certificate": "x", "key": "y"}, {"certificate", "key"}),
        ({"certificate": ALICE.pem, "key": MALLORY.key_pem}, {"key"}),
        ({"certificate": ALICE.pem, "key": other_kind}, {"key"}),
        ({"certificate": ALICE.pem, "key": encrypted}, {"key"}),
    ]
    for settings, names in cases:
        with pytest.raises(Invalid) as caught:
            make(**settings)
        assert set(caught.value.errors) == names, settings
