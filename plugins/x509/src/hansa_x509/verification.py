"""Verifies the signature of a message, by xmlsec: of exactly the elements that were found."""

from __future__ import annotations

import hashlib

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from .algorithms import Algorithms
from .certificates import TrustedCertificates, read_certificate
from .faults import FailedCheck
from .structure import SignedMessage


def verified_by(
    message: SignedMessage, trusted: TrustedCertificates, algorithms: Algorithms
) -> x509.Certificate:
    """Return the certificate by which the signature is right; raises `FailedCheck`.

    A message without a certificate is compared with those that are pinned.
    """
    candidates = _candidates(message, trusted)
    fault = "the signature is wrong, or of a certificate that is not pinned"
    for certificate in candidates:
        distrust = trusted.fault_of(certificate)
        if distrust:
            fault = distrust
        elif _is_right(message, certificate, algorithms):
            return certificate
    raise FailedCheck(fault)


def _candidates(message: SignedMessage, trusted: TrustedCertificates) -> list[x509.Certificate]:
    if not message.certificate:
        return trusted.pinned
    try:
        return [read_certificate(message.certificate)]
    except ValueError as error:
        raise FailedCheck(f"the certificate cannot be used: {error}") from None


def _is_right(
    message: SignedMessage, certificate: x509.Certificate, algorithms: Algorithms
) -> bool:
    context = xmlsec.SignatureContext()
    pem = certificate.public_bytes(Encoding.PEM)
    # the key is set, so that nothing in the message chooses another one
    context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.CERT_PEM)
    context.enable_reference_transform(xmlsec.Transform.EXCL_C14N)
    context.enable_signature_transform(xmlsec.Transform.EXCL_C14N)
    for digest in algorithms.digests.values():
        context.enable_reference_transform(digest)
    for method in algorithms.signatures.values():
        context.enable_signature_transform(method)
    for element, attribute in message.signed:
        namespace, _, local = attribute.rpartition("}")
        context.register_id(element, local, namespace[1:] or None)
    try:
        context.verify(message.signature)
    except xmlsec.Error:
        return False
    return True


def identity_of(message: SignedMessage) -> bytes:
    """Return what is the same whenever this message comes again: a digest of what was signed, since
    there may be several signatures of it (ECDSA).
    """
    canonical = etree.tostring(message.signed_info, method="c14n", exclusive=True)
    return hashlib.sha256(canonical).digest()
