"""Who called, with the certificate that says so."""

from __future__ import annotations

from typing import SupportsIndex

from hansa_security.verification import Principal


class CertificatePrincipal(Principal):
    """Who called: the name in the certificate, the definition that vouches for it, the subject as
    RFC 4514 has it, and the SHA-256 fingerprint in lower case.
    """

    __slots__ = ("fingerprint", "subject")
    subject: str
    fingerprint: str

    def __new__(
        cls, name: str, definition: str, subject: str = "", fingerprint: str = ""
    ) -> CertificatePrincipal:
        """Make the principal `name`, never empty."""
        self = str.__new__(cls, name)
        object.__setattr__(self, "definition", definition)
        object.__setattr__(self, "subject", subject)
        object.__setattr__(self, "fingerprint", fingerprint)
        return self

    def __reduce_ex__(
        self, protocol: SupportsIndex
    ) -> tuple[type[CertificatePrincipal], tuple[str, str, str, str]]:
        """Let it be copied."""
        whole = (str(self), self.definition, self.subject, self.fingerprint)
        return CertificatePrincipal, whole
