"""The certificates of a definition: whose signatures count, and which it signs with."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from hansa_tls.anchors import Anchors
from hansa_tls.revocation import NotTrusted

from .algorithms import fault_of_key

LARGEST = 16_384
"""Maximum size of a certificate, in bytes."""


def fault_of_certificates(pem: str) -> str:
    """Return what is wrong with a text that should have one certificate or more; empty if nothing."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return "is not a certificate in PEM"
    for certificate in found:
        fault = fault_of_certificate(certificate)
        if fault:
            return fault
    return ""


def certificates_of(pem: str) -> list[x509.Certificate]:
    """Return the certificates in PEM of a setting that was checked; none if it is empty."""
    return x509.load_pem_x509_certificates(pem.encode()) if pem else []


def fault_of_certificate(certificate: x509.Certificate) -> str:
    """Return why a certificate cannot be used, whatever the time is."""
    try:
        return fault_of_key(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return "has a key that cannot be read"


def read_certificate(der: bytes) -> x509.Certificate:
    """Return a certificate of a message; raises `ValueError` for one that cannot be used."""
    if len(der) > LARGEST:
        raise ValueError("the certificate is too large")
    certificate = x509.load_der_x509_certificate(der)
    fault = fault_of_certificate(certificate)
    if fault:
        raise ValueError(f"the certificate {fault}")
    return certificate


class TrustedCertificates:
    """Whose signatures count: those of certificates that are `pinned`, and those of certificates
    that one of the `authorities` has issued directly to one of the `subjects`, and not revoked.
    """

    def __init__(
        self, pinned: Iterable[str], authorities: Anchors | None, subjects: Iterable[str]
    ) -> None:
        self.pinned = [certificate for pem in pinned for certificate in certificates_of(pem)]
        self._fingerprints = [_fingerprint(certificate) for certificate in self.pinned]
        self._subjects = frozenset(subjects)
        self._authorities = authorities

    def fault_of(self, certificate: x509.Certificate) -> str:
        """Return why signatures of a certificate do not count now; an empty text if they do. Raises
        `Unavailable` while nobody can say whether it is revoked.
        """
        if not _is_valid_now(certificate):
            return "the certificate is not valid at this time"
        if not _may_sign(certificate):
            return "the certificate is not for signatures (keyUsage)"
        fingerprint = _fingerprint(certificate)
        if any(hmac.compare_digest(fingerprint, pinned) for pinned in self._fingerprints):
            return ""
        if certificate.subject.rfc4514_string() not in self._subjects:
            return "the certificate is neither pinned nor of one of the subjects"
        return self._fault_of_issued(certificate)

    def _fault_of_issued(self, certificate: x509.Certificate) -> str:
        """Return why a certificate is not one of the authorities' that counts."""
        trust = None if self._authorities is None else self._authorities.current()
        authorities = [] if trust is None else trust.authorities
        issuers = [authority for authority in authorities if _has_issued(authority, certificate)]
        if trust is None or not issuers:
            return "the certificate was issued by none of the authorities"
        try:
            trust.revocation.check(certificate, issuers[0])
        except NotTrusted as revoked:
            return f"the certificate does not count: {revoked}"
        return ""


def _fingerprint(certificate: x509.Certificate) -> bytes:
    return certificate.fingerprint(hashes.SHA256())


def _is_valid_now(certificate: x509.Certificate) -> bool:
    now = datetime.now(UTC)
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _may_sign(certificate: x509.Certificate) -> bool:
    """Whether the key usage, if there is any, allows signatures (RFC 5280, 4.2.1.3)."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False
    return usage.digital_signature or usage.content_commitment


def _has_issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    if not _is_valid_now(authority) or not _is_authority(authority):
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may issue others (RFC 5280, 4.2.1.9)."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.value.ca
