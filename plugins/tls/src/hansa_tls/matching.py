"""Which certificates a definition is about, and the name that a certificate gives its owner."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

NameSource: TypeAlias = Literal["common_name", "dns", "email", "uri"]
"""What of a certificate names its owner."""

_SUBJECT_OIDS = {
    "CN": NameOID.COMMON_NAME,
    "C": NameOID.COUNTRY_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "E": NameOID.EMAIL_ADDRESS,
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "STREET": NameOID.STREET_ADDRESS,
    "UID": NameOID.USER_ID,
}
_is_fingerprint = re.compile(r"[0-9a-f]{64}").fullmatch


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint, in lower case and without colons."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def parse_fingerprint(text: str) -> str:
    """Return a fingerprint in lower case and without colons; raises ValueError."""
    found = text.replace(":", "").strip().lower()
    if not _is_fingerprint(found):
        raise ValueError(f"{text!r} is not a SHA-256 fingerprint: 64 hexadecimal digits")
    return found


def parse_subject(text: str) -> x509.Name:
    """Return the subject that a text names as RFC 4514 has it; raises ValueError."""
    try:
        found = x509.Name.from_rfc4514_string(text, _SUBJECT_OIDS)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a subject as RFC 4514 has it, CN=alice,O=Partner"
        ) from None
    if not list(found):
        raise ValueError("must not be empty")
    return found


def parse_attribute(name: str) -> x509.ObjectIdentifier:
    """Return the attribute of a subject with this short name or dotted number; raises ValueError."""
    known = _SUBJECT_OIDS.get(name)
    if known is not None:
        return known
    try:
        return x509.ObjectIdentifier(name)
    except ValueError:
        names = ", ".join(_SUBJECT_OIDS)
        raise ValueError(f"is not one of {names}, or an object identifier") from None


def parse_alternative_name(text: str) -> tuple[str, str]:
    """Return kind and value of `dns:`, `email:` or `uri:` and a name; raises ValueError."""
    kind, _, value = text.partition(":")
    kind = kind.lower()
    if kind not in ("dns", "email", "uri") or not value:
        raise ValueError(f"{text!r} does not begin with dns:, email: or uri:")
    return kind, _comparable(kind, value)


class Matcher:
    """Whether a certificate is among those listed: by its subject, an alternative name, or its
    fingerprint, of which any one will do. Where nothing is listed, every certificate is.

    All attributes of the subject in `attributes` count as one entry. Raises ValueError for entries
    that cannot be read.
    """

    def __init__(
        self,
        subjects: Iterable[str],
        attributes: Mapping[str, str],
        alternative_names: Iterable[str],
        fingerprints: Iterable[str],
    ) -> None:
        self._subjects = {parse_subject(one) for one in subjects}
        self._attributes = {parse_attribute(name): value for name, value in attributes.items()}
        self._names = {parse_alternative_name(one) for one in alternative_names}
        self._fingerprints = {parse_fingerprint(one) for one in fingerprints}
        self._any = not (self._subjects or self._attributes or self._names or self._fingerprints)

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is among those listed; raises ValueError for one that cannot be
        read.
        """
        if self._any or fingerprint(certificate) in self._fingerprints:
            return True
        if certificate.subject in self._subjects:
            return True
        if self._attributes and self._has_attributes(certificate.subject):
            return True
        return not self._names.isdisjoint(alternative_names(certificate))

    def _has_attributes(self, subject: x509.Name) -> bool:
        return all(
            value in [each.value for each in subject.get_attributes_for_oid(oid)]
            for oid, value in self._attributes.items()
        )


def alternative_names(certificate: x509.Certificate) -> list[tuple[str, str]]:
    """Return kind and value of the alternative names that a definition can list; raises ValueError
    for a certificate that cannot be read.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    names = extension.value
    found = [("dns", name) for name in names.get_values_for_type(x509.DNSName)]
    found += [("email", name) for name in names.get_values_for_type(x509.RFC822Name)]
    found += [("uri", name) for name in names.get_values_for_type(x509.UniformResourceIdentifier)]
    return [(kind, _comparable(kind, name)) for kind, name in found]


def name_of(certificate: x509.Certificate, source: NameSource) -> str:
    """Return what a certificate calls its owner; an empty text if it does not, or if it has several
    common names. Of several alternative names of a kind it is the first. Raises ValueError for a
    certificate that cannot be read.
    """
    if source == "common_name":
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[0].value) if len(found) == 1 else ""
    names = [name for kind, name in alternative_names(certificate) if kind == source]
    return names[0] if names else ""


def _comparable(kind: str, name: str) -> str:
    """Return a name as it is compared: host names in lower case."""
    return name.lower() if kind == "dns" else name
