"""Whether a certificate is one of trusted authorities at this moment: its chain (RFC 5280, as
`cryptography.x509.verification` checks it) and revocation lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from .revocation import NotTrusted, RevocationLists

DEEPEST = 6
"""Maximum number of intermediate certificates in a chain."""


class Trust:
    """Authorities and revocation lists as they were read at one time."""

    def __init__(
        self,
        authorities: Sequence[x509.Certificate],
        revocation_lists: Sequence[x509.CertificateRevocationList] = (),
    ) -> None:
        self.authorities = list(authorities)
        self.revocation = RevocationLists(revocation_lists)
        self._store = Store(self.authorities)

    def check(self, certificate: x509.Certificate, others: list[x509.Certificate]) -> None:
        """Raise `NotTrusted` unless an authority has signed a client certificate, through the
        `others` where need be, and all in between are valid now and not revoked.

        Raises `Unavailable` while nobody can say whether it is revoked.
        """
        now = datetime.now(UTC)
        builder = PolicyBuilder().store(self._store).time(now).max_chain_depth(DEEPEST)
        builder = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_CLIENT)
        try:
            chain = builder.build_client_verifier().verify(certificate, others).chain
        except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
            raise NotTrusted(str(error)) from None
        if not self.revocation:
            return
        for index, one in enumerate(chain[:-1]):
            self.revocation.check(one, chain[index + 1], is_required=index == 0)
        if len(chain) == 1:
            raise NotTrusted("it is itself among the authorities, of which none can be revoked")


def check_period(certificate: x509.Certificate) -> None:
    """Raise `NotTrusted` for a certificate that has expired, or is not valid yet."""
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise NotTrusted("it has expired, or is not valid yet")


def _check_authority(
    policy: Policy, certificate: x509.Certificate, extension: x509.BasicConstraints
) -> None:
    if not extension.ca:
        raise ValueError("an issuer is no certificate authority")


def _check_signing(
    policy: Policy, certificate: x509.Certificate, extension: x509.KeyUsage | None
) -> None:
    if extension is not None and not extension.key_cert_sign:
        raise ValueError("an issuer may not sign certificates")


def _check_client(
    policy: Policy, certificate: x509.Certificate, extension: x509.ExtendedKeyUsage | None
) -> None:
    accepted = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if extension is not None and not any(usage in accepted for usage in extension):
        raise ValueError("it is not for clients")


# As of the web, with what private authorities do differently: their own certificates may lack the
# extension of key usage, and those of clients an alternative name.
_AUTHORITY = (
    ExtensionPolicy.webpki_defaults_ca()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _check_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_signing)
    .may_be_present(x509.SubjectKeyIdentifier, Criticality.AGNOSTIC, None)
    .may_be_present(x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None)
)
_CLIENT = (
    ExtensionPolicy.webpki_defaults_ee()
    .may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .may_be_present(x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_client)
)
