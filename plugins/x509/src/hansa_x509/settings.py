"""The settings of the security type `x509`."""

from __future__ import annotations

import hmac
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from hansa import Invalid, Model, Secret, setting
from hansa_tls.pem import is_pasted
from hansa_tls.settings import RevocationListSetting, faults_of_anchors
from hansa_wss.settings import MustUnderstand

from .certificates import fault_of_certificates

MOST_SECONDS = 24 * 3600
"""Maximum of settings in seconds."""


class X509Settings(Model):
    """XML signatures.

    What a definition holds: whose signatures count, and what it signs with.
    """

    certificates: Annotated[
        list[str],
        setting(
            "Certificates of callers, in PEM, whose signatures count; several, so that one can "
            "replace another without a gap",
            max_length=20,
            multiline=True,
        ),
    ] = []
    authorities: Annotated[
        str,
        setting(
            "Certificates of the authorities that issue those of callers directly: PEM, or the path "
            "of a PEM file on each server, which is read again when it changes",
            multiline=True,
            example="/etc/hansa/partner-ca.pem",
        ),
    ] = ""
    crl: RevocationListSetting = ""
    subjects: Annotated[
        list[str],
        setting(
            "Subjects of the callers whose certificates come from these authorities (RFC 4514)",
            max_length=1000,
            example="CN=partner,O=Example",
        ),
    ] = []
    reject_expiry_limit: Annotated[
        int, setting("Maximum age of messages, in seconds", ge=1, le=MOST_SECONDS)
    ] = 300
    allow_sha1: Annotated[
        bool,
        setting(
            "Whether signatures and digests with SHA-1 are accepted, which can be forged with effort",
            advanced=True,
        ),
    ] = False
    certificate: Annotated[
        str,
        setting("Certificate to sign outgoing SOAP with, in PEM; it is sent along", multiline=True),
    ] = ""
    key: Annotated[
        Secret | None,
        setting(
            "Private key of that certificate, in PEM, without a passphrase; stored encrypted",
            multiline=True,
        ),
    ] = None
    timestamp: Annotated[
        int, setting("Seconds after which messages that it signs expire", ge=1, le=MOST_SECONDS)
    ] = 300
    must_understand: MustUnderstand = True

    def check(self) -> None:
        """Refuse what is no certificate or key, and definitions that neither admit nor sign."""
        faults = self._faults_of_callers()
        self._add_faults_of_key(faults)
        if not (self.certificates or self.authorities or self.key or self.certificate):
            faults["certificates"] = "required, unless there are authorities, or a key that signs"
        if faults:
            raise Invalid(faults)

    def _faults_of_callers(self) -> dict[str, str]:
        faults: dict[str, str] = {}
        for index, pem in enumerate(self.certificates):
            _note(faults, f"certificates[{index}]", fault_of_certificates(pem))
        faults |= faults_of_anchors(self.authorities, self.crl)
        if self.authorities:
            if is_pasted(self.authorities) and "authorities" not in faults:
                _note(faults, "authorities", fault_of_certificates(self.authorities))
            if not self.subjects:
                faults["subjects"] = "required: not everybody whom the authorities know may call"
        elif self.subjects:
            faults["authorities"] = "required, since there are subjects"
        return faults

    def _add_faults_of_key(self, faults: dict[str, str]) -> None:
        if self.certificate:
            _note(faults, "certificate", fault_of_certificates(self.certificate))
        elif self.key is not None:
            faults["certificate"] = "required, since there is a key"
        if self.key is not None:
            certificate = "" if "certificate" in faults else self.certificate
            _note(faults, "key", _fault_of_private_key(self.key, certificate))
        elif self.certificate:
            faults["key"] = "required, since there is a certificate"


def _note(faults: dict[str, str], name: str, fault: str) -> None:
    if fault:
        faults[name] = fault


def _fault_of_private_key(pem: str, certificate: str) -> str:
    """Return why a private key cannot sign; `certificate` is empty where it cannot be compared."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        return "is encrypted: give it without a passphrase"
    except (ValueError, UnsupportedAlgorithm):
        return "is not a private key in PEM"
    if not certificate:
        return ""
    of_certificate = x509.load_pem_x509_certificates(certificate.encode())[0].public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    same = hmac.compare_digest(
        key.public_key().public_bytes(*form), of_certificate.public_bytes(*form)
    )
    if not same:
        return "is not the key of the certificate"
    return ""
