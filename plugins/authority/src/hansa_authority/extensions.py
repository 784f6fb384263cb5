"""What certificates contain (RFC 5280): how long they are valid, whom for, and what for."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

AUTHORITY_DAYS: Final = 3650
CERTIFICATE_DAYS: Final = 825
"""Days for which a certificate is valid; clients refuse longer ones."""

_CLOCK_SKEW: Final = datetime.timedelta(hours=1)
"""How far the clocks of other machines may be behind."""


def authority_certificate(
    name: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    """Return the unsigned certificate of an authority, which may sign certificates of components."""
    builder = _certificate(name, name, key, AUTHORITY_DAYS)
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    builder = builder.add_extension(constraints, critical=True)
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    return builder.add_extension(usage, critical=True)


def component_certificate(
    authority: x509.Certificate,
    name: x509.Name,
    key: ec.EllipticCurvePublicKey,
    alternatives: x509.SubjectAlternativeName,
) -> x509.CertificateBuilder:
    """Return the unsigned certificate of a component, good for servers and for clients."""
    builder = _certificate(name, authority.subject, key, CERTIFICATE_DAYS)
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    builder = builder.add_extension(constraints, critical=True)
    usage = _key_usage(digital_signature=True)
    builder = builder.add_extension(usage, critical=True)
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    builder = builder.add_extension(alternatives, critical=False)
    return builder.add_extension(_issuer_identifier(authority), critical=False)


def subject_alternatives(hosts: Iterable[str]) -> x509.SubjectAlternativeName:
    """Return the extension that names these hosts and IP addresses, each once."""
    return x509.SubjectAlternativeName([_host(host) for host in dict.fromkeys(hosts)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    begin = datetime.datetime.now(datetime.UTC) - _CLOCK_SKEW
    builder = x509.CertificateBuilder()
    builder = builder.subject_name(subject)
    builder = builder.issuer_name(issuer)
    builder = builder.public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begin)
    builder = builder.not_valid_after(begin + datetime.timedelta(days=days))
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    return builder.add_extension(identifier, critical=False)


def _issuer_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
