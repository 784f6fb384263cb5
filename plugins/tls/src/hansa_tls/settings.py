"""Settings of the security type `tls`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, TypeAlias

from hansa import Invalid, Model, setting

from .matching import (
    Matcher,
    NameSource,
    parse_alternative_name,
    parse_attribute,
    parse_fingerprint,
    parse_subject,
)
from .pem import certificates_in, is_pasted, revocation_lists_in

RevocationListSetting: TypeAlias = Annotated[
    str,
    setting(
        "Certificate revocation lists of these authorities: PEM, or the path of a file in PEM or "
        "DER on each server, which is read again when it changes; empty checks no revocation",
        multiline=True,
        example="/etc/hansa/partner.crl",
    ),
]


class ClientCertificateSettings(Model):
    """Client certificates.

    Which client certificates of callers are accepted, and what names the caller.
    """

    authorities: Annotated[
        str,
        setting(
            "Certificates of the authorities that issue those of callers: PEM, or the path of a PEM "
            "file on each server, which is read again when it changes; may be empty where only "
            "fingerprints are listed",
            multiline=True,
            example="/etc/hansa/partner-ca.pem",
        ),
    ] = ""
    crl: RevocationListSetting = ""
    subjects: Annotated[
        list[str],
        setting(
            "Whole subjects to accept (RFC 4514), as `openssl x509 -subject -nameopt RFC2253` prints "
            "them",
            max_length=1000,
            example="CN=alice,O=Partner,C=DE",
        ),
    ] = []
    subject_attributes: Annotated[
        dict[str, str],
        setting(
            "Attributes that a subject must have, all of them, whatever others it has",
            example={"O": "Partner", "OU": "Payments"},
        ),
    ] = {}
    alternative_names: Annotated[
        list[str],
        setting(
            "Alternative names to accept, each with dns:, email: or uri: before it",
            max_length=1000,
            example="uri:spiffe://partner.example.com/payments",
        ),
    ] = []
    fingerprints: Annotated[
        list[str],
        setting(
            "SHA-256 fingerprints of certificates to accept, as `openssl x509 -fingerprint -sha256` "
            "prints them",
            max_length=1000,
        ),
    ] = []
    principal: Annotated[
        NameSource,
        setting(
            "Name of the certificate that becomes the principal: the common name, or an alternative "
            "name of this type"
        ),
    ] = "common_name"

    @property
    def only_fingerprints(self) -> bool:
        """Whether certificates are accepted by nothing but their fingerprints."""
        others = self.subjects or self.subject_attributes or self.alternative_names
        return bool(self.fingerprints) and not others

    def check(self) -> None:
        """Everything that is listed must be readable, and there must be an authority, unless only
        fingerprints are listed; raises `Invalid`.
        """
        faults: dict[str, str] = {}
        faults |= _faults("subjects", self.subjects, parse_subject)
        faults |= _faults("alternative_names", self.alternative_names, parse_alternative_name)
        faults |= _faults("fingerprints", self.fingerprints, parse_fingerprint)
        faults |= _faults("subject_attributes", self.subject_attributes, parse_attribute)
        if not self.authorities and not self.only_fingerprints:
            faults["authorities"] = "required, unless only fingerprints are listed"
        faults |= faults_of_anchors(self.authorities, self.crl)
        if faults:
            raise Invalid(faults)

    def matcher(self) -> Matcher:
        """Return what recognizes the certificates that are listed."""
        return Matcher(
            self.subjects, self.subject_attributes, self.alternative_names, self.fingerprints
        )


def faults_of_anchors(authorities: str, crl: str) -> dict[str, str]:
    """Return what is wrong with the settings `authorities` and `crl`, as far as it is known without
    their files.
    """
    faults: dict[str, str] = {}
    if crl and not authorities:
        faults["crl"] = "needs the authority that has signed it, in authorities"
    try:
        if is_pasted(authorities):
            certificates_in("authorities", authorities.encode())
    except Invalid as invalid:
        faults |= invalid.errors
    try:
        if is_pasted(crl):
            revocation_lists_in("crl", crl.encode())
    except Invalid as invalid:
        faults |= invalid.errors
    return faults


def _faults(
    setting_name: str, texts: Iterable[str], parse: Callable[[str], object]
) -> dict[str, str]:
    """Return what is wrong with the entries of a list, by setting and entry."""
    faults: dict[str, str] = {}
    for number, text in enumerate(texts):
        try:
            parse(text)
        except ValueError as error:
            faults[f"{setting_name}[{number}]"] = f"{error}"
    return faults
