"""Certificates and envelopes of callers, by code of the tests' own; messages are signed by zeep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lxml import etree
from zeep.wsse import signature, utils

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DS = "http://www.w3.org/2000/09/xmldsig#"
NAMES = {"s": SOAP, "w": WSSE, "u": WSU, "d": DS}


@dataclass(frozen=True)
class Party:
    """A key with its certificate."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self.key.private_bytes(*form).decode()

    @property
    def subject(self) -> str:
        return self.certificate.subject.rfc4514_string()


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def party(
    name: str,
    *,
    issuer: Party | None = None,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    authority: bool = False,
    days: tuple[float, float] = (-1, 1),
    signs: bool = True,
) -> Party:
    """A new certificate, issued by itself unless there is an issuer."""
    key = key or rsa_key(name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(key_usage(signs=signs, authority=authority), critical=True)
    )
    return Party(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


def key_usage(*, signs: bool, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def moment(seconds: float = 0) -> str:
    """A moment so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Stamp:
    """A Timestamp for zeep, which signs one that is there and adds none."""

    def __init__(self, created: str = "", expires: str = "") -> None:
        self._created = created
        self._expires = expires

    def apply(
        self, envelope: etree._Element, headers: dict[str, str]
    ) -> tuple[etree._Element, dict[str, str]]:
        stamp = utils.WSU.Timestamp(utils.WSU.Created(self._created or moment()))
        if self._expires:
            stamp.append(utils.WSU.Expires(self._expires))
        utils.get_security_header(envelope).append(stamp)
        return envelope, headers

    def verify(self, envelope: etree._Element) -> etree._Element:
        return envelope


class Signed:
    """The signature of zeep for a party: with its certificate as a token, or in the signature."""

    def __init__(self, signer: Party, *, as_token: bool = True, sha1: bool = False) -> None:
        ecdsa = isinstance(signer.key, ec.EllipticCurvePrivateKey)
        self._method = xmlsec.Transform.ECDSA_SHA256 if ecdsa else xmlsec.Transform.RSA_SHA256
        self._digest = xmlsec.Transform.SHA256
        if sha1:
            self._method = xmlsec.Transform.RSA_SHA1
            self._digest = xmlsec.Transform.SHA1
        self._signer = signer
        self._as_token = as_token

    def apply(
        self, envelope: etree._Element, headers: dict[str, str]
    ) -> tuple[etree._Element, dict[str, str]]:
        key = signature._make_sign_key(
            self._signer.key_pem.encode(), self._signer.pem.encode(), None
        )
        sign = (
            signature._sign_envelope_with_key_binary
            if self._as_token
            else signature._sign_envelope_with_key
        )
        sign(envelope, key, self._method, self._digest)
        return envelope, headers

    def verify(self, envelope: etree._Element) -> etree._Element:
        return envelope


class Both:
    """One after the other, for zeep."""

    def __init__(self, *parts: Stamp | Signed) -> None:
        self._parts = parts

    def apply(
        self, envelope: etree._Element, headers: dict[str, str]
    ) -> tuple[etree._Element, dict[str, str]]:
        for part in self._parts:
            part.apply(envelope, headers)
        return envelope, headers

    def verify(self, envelope: etree._Element) -> etree._Element:
        return envelope


def envelope(body: str = "<a><word>hi</word></a>") -> etree._Element:
    return etree.fromstring(
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body>{body}</s:Body></s:Envelope>'
    )


def signed(
    signer: Party,
    *,
    as_token: bool = True,
    sha1: bool = False,
    created: str = "",
    expires: str = "",
    body: str = "<a><word>hi</word></a>",
) -> etree._Element:
    """An envelope with a timestamp, signed by zeep."""
    made = envelope(body)
    Stamp(created, expires).apply(made, {})
    Signed(signer, as_token=as_token, sha1=sha1).apply(made, {})
    # lxml does not find all elements that xmlsec has added
    return etree.fromstring(raw(made))


def raw(root: etree._Element) -> bytes:
    return etree.tostring(root)
