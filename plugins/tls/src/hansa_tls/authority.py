"""Security type `tls_ca`: certificate authorities that connections trust."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hansa import Model, PlainSettings, Security, setting

from .expiry import Notices, ending
from .memory_file import MemoryFile
from .pem import PemSource, certificates_in, is_pasted
from .worker import TlsWorker


class AuthoritySettings(Model):
    """The certificates of authorities."""

    certificates: Annotated[
        str,
        setting(
            "Certificates of the authorities: PEM, or the path of a PEM file on each server",
            min_length=1,
            multiline=True,
            example="/etc/hansa/partner-ca.pem",
        ),
    ]

    def check(self) -> None:
        """Pasted PEM must hold certificates; raises `Invalid`."""
        if is_pasted(self.certificates):
            certificates_in("certificates", self.certificates.encode())


class TlsAuthority(Security[AuthoritySettings]):
    """Certificate authorities that connections trust which name this definition in `tls_ca`; it
    lets no caller in.
    """

    type = "tls_ca"
    _found: list[x509.Certificate]
    _path: MemoryFile

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return the scheme of TLS."""
        return {"type": "mutualTLS"}

    def start(self) -> None:
        """Read the certificates; raises `Invalid` or `Unavailable`."""
        content = PemSource("certificates", self.config.certificates).read()
        self._found = certificates_in("certificates", content)
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in self._found)
        self._path = MemoryFile("tls_ca", pem)
        notices = Notices(self.trouble, self.log)
        self.server.resource(TlsWorker).expiry.enter(
            self, lambda: notices.tell("expiry", ending(self._found, datetime.now(UTC)))
        )

    def stop(self) -> None:
        """Look no more when the certificates end."""
        self.server.resource(TlsWorker).expiry.leave(self)

    def ping(self) -> str:
        """Return which authorities are trusted."""
        names = [one.subject.rfc4514_string() for one in self._found]
        return f"trusts {'; '.join(names)}"

    def authorities(self) -> str:
        """Return the path of a PEM file with the certificates."""
        return self._path
