"""Whom a certificate names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .failure import Failure

if TYPE_CHECKING:
    from cryptography import x509

AUTHORITY_NAME: Final = "Hansa development CA"
"""The common name of an authority, by default."""


@dataclass(frozen=True)
class Subject:
    """The parts of a distinguished name, except the common name; empty ones are left out."""

    organization: str = "Hansa"
    organizational_unit: str = "Development"
    locality: str = "Luebeck"
    state_or_province: str = "Schleswig-Holstein"
    country: str = "DE"

    def name(self, common_name: str) -> x509.Name:
        """Return the distinguished name with this common name; raises `Failure`."""
        # imported here: the command line reads the defaults of this class at each start
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        parts = {
            NameOID.COUNTRY_NAME: self.country,
            NameOID.STATE_OR_PROVINCE_NAME: self.state_or_province,
            NameOID.LOCALITY_NAME: self.locality,
            NameOID.ORGANIZATION_NAME: self.organization,
            NameOID.ORGANIZATIONAL_UNIT_NAME: self.organizational_unit,
            NameOID.COMMON_NAME: common_name,
        }
        try:
            attributes = [x509.NameAttribute(oid, value) for oid, value in parts.items() if value]
        except ValueError as error:
            raise Failure(f"the subject of the certificate is not valid: {error}") from None
        return x509.Name(attributes)
