"""Certificate revocation lists (RFC 5280, section 5): whether a certificate has been revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from hansa import Unavailable


class NotTrusted(Exception):
    """A certificate that is not accepted; the reason is for the log alone."""


class RevocationLists:
    """Revocation lists as they were read at one time; without any, nothing is revoked."""

    def __init__(self, lists: Sequence[x509.CertificateRevocationList] = ()) -> None:
        self._lists = list(lists)

    def __bool__(self) -> bool:
        return bool(self._lists)

    def check(
        self, certificate: x509.Certificate, issuer: x509.Certificate, *, is_required: bool = True
    ) -> None:
        """Raise `NotTrusted` for a certificate that its issuer has revoked.

        Raises `Unavailable` while nobody can say so: the list of the issuer is outdated, or, if one
        `is_required`, there is none among the lists.
        """
        if not self._lists:
            return
        lists = [each for each in self._lists if _is_of(each, issuer)]
        if not lists and is_required:
            raise Unavailable("there is no certificate revocation list of an authority of callers")
        for each in lists:
            if each.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                raise NotTrusted("it is revoked")
        now = datetime.now(UTC)
        if lists and not any(_is_current(each, now) for each in lists):
            raise Unavailable("a certificate revocation list is outdated")

    def outdated(self) -> str:
        """Return what is wrong with the lists by now; an empty text if nothing is."""
        now = datetime.now(UTC)
        for one in self._lists:
            if not _is_current(one, now):
                issuer = one.issuer.rfc4514_string()
                return f"the certificate revocation list of {issuer} is outdated"
        return ""


def _is_of(one: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    if one.issuer != issuer.subject:
        return False
    key = issuer.public_key()
    try:
        return one.is_signature_valid(key)  # type: ignore[arg-type]  # TypeError for other keys
    except (TypeError, UnsupportedAlgorithm):
        return False


def _is_current(one: x509.CertificateRevocationList, now: datetime) -> bool:
    return one.next_update_utc is None or now <= one.next_update_utc
