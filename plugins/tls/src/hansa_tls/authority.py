"""Security type `tls_ca`: certificate authorities that connections trust."""

from __future__ import annotations

from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hansa import Model, PlainSettings, Security, Unavailable, setting

from .expiry import Notices
from .memory_file import MemoryFile
from .pem import PemSource, certificates_in, is_pasted
from .watched import WatchedCertificates
from .worker import TlsWorker


class AuthoritySettings(Model):
    """Certificates.

    The certificates of authorities.
    """

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
    _source: PemSource

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return the scheme of TLS."""
        return {"type": "mutualTLS"}

    def start(self) -> None:
        """Read the certificates; raises `Invalid` or `Unavailable`."""
        self._source = PemSource("certificates", self.config.certificates)
        self._found = self._read()
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in self._found)
        self._path = MemoryFile("tls_ca", pem)
        watched = WatchedCertificates(
            self._found,
            [self._source],
            read=self._read,
            replaced=lambda: self.lost(Unavailable("its file was replaced")),
            notices=Notices(self.trouble, self.log),
        )
        self.server.resource(TlsWorker).expiry.enter(self, watched.look)

    def _read(self) -> list[x509.Certificate]:
        return certificates_in("certificates", self._source.read())

    def stop(self) -> None:
        """Stop watching the certificates."""
        self.server.resource(TlsWorker).expiry.leave(self)

    def ping(self) -> str:
        """Return which authorities are trusted."""
        names = [one.subject.rfc4514_string() for one in self._found]
        return f"trusts {'; '.join(names)}"

    def authorities(self) -> str:
        """Return the path of a PEM file with the certificates."""
        return self._path
