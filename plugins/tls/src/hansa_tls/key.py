"""Security type `tls_key`: a certificate with its private key that connections present to servers
(TLS).
"""

from __future__ import annotations

from typing import Annotated

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hansa import Invalid, Login, Model, PlainSettings, Secret, Security, Unavailable, setting

from .expiry import Notices
from .memory_file import MemoryFile
from .pem import PemSource, certificates_in, is_pasted
from .watched import WatchedCertificates
from .worker import TlsWorker


class KeySettings(Model):
    """Certificate and key.

    A certificate, its private key, and what goes with them.
    """

    certificate: Annotated[
        str,
        setting(
            "The certificate, and those of intermediate authorities after it: PEM, or the path of a "
            "PEM file on each server",
            min_length=1,
            multiline=True,
            example="/etc/hansa/client.crt",
        ),
    ]
    key: Annotated[
        Secret,
        setting(
            "Its private key: PEM, which is stored encrypted, or the path of a PEM file on each "
            "server",
            multiline=True,
            example="/etc/hansa/client.key",
        ),
    ]
    passphrase: Annotated[
        Secret | None, setting("Passphrase of the private key, if it is encrypted")
    ] = None
    username: Annotated[
        str, setting("User name to log in with, where the server asks for one, too")
    ] = ""
    password: Annotated[
        Secret | None, setting("Password that goes with the user name, if the server asks for one")
    ] = None

    def check(self) -> None:
        """Pasted PEM must be readable, and the key that of the certificate; raises `Invalid`."""
        certificate = self.certificate if is_pasted(self.certificate) else ""
        key = self.key if is_pasted(self.key) else ""
        if certificate and key:
            read_pair(certificate.encode(), key.encode(), self.passphrase)
        elif certificate:
            certificates_in("certificate", certificate.encode())
        elif key:
            _read_key(key.encode(), self.passphrase)


class TlsKey(Security[KeySettings]):
    """A certificate with its key, by which connections log in; it lets no caller in."""

    type = "tls_key"
    _login: Login
    _sources: tuple[PemSource, PemSource]
    _found: list[x509.Certificate]

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return the scheme of TLS."""
        return {"type": "mutualTLS"}

    def start(self) -> None:
        """Read certificate and key; raises `Invalid` if they do not fit, `Unavailable` if one is
        not there.
        """
        config = self.config
        self._sources = (
            PemSource("certificate", config.certificate),
            PemSource("key", config.key),
        )
        self._found, private = self._read()
        chain = b"".join(one.public_bytes(Encoding.PEM) for one in self._found)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._login = Login(
            username=config.username,
            password=config.password,
            certificate=MemoryFile("tls_certificate", chain),
            key=MemoryFile("tls_key", pem),
        )
        watched = WatchedCertificates(
            self._found,
            self._sources,
            read=self._read,
            replaced=lambda: self.lost(Unavailable("its files were replaced")),
            notices=Notices(self.trouble, self.log),
        )
        self.server.resource(TlsWorker).expiry.enter(self, watched.look)

    def _read(self) -> tuple[list[x509.Certificate], PrivateKeyTypes]:
        certificate, key = self._sources
        return read_pair(certificate.read(), key.read(), self.config.passphrase)

    def stop(self) -> None:
        """Stop watching the certificate."""
        self.server.resource(TlsWorker).expiry.leave(self)

    def ping(self) -> str:
        """Return which certificate connections present."""
        first = self._found[0]
        end = first.not_valid_after_utc.date().isoformat()
        return f"presents {first.subject.rfc4514_string()}, valid until {end}"

    def login(self) -> Login:
        """Return the files, and the user name and password that go with them."""
        return self._login


def read_pair(
    certificate: bytes, key: bytes, passphrase: str | None
) -> tuple[list[x509.Certificate], PrivateKeyTypes]:
    """Return certificates and the private key of the first; raises `Invalid` by setting."""
    found = certificates_in("certificate", certificate)
    private = _read_key(key, passphrase)
    try:
        of_certificate = found[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid({"certificate": f"has a key that cannot be used: {error}"}) from None
    public = of_certificate.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    own = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public != own:
        raise Invalid({"key": "is not the key of the first certificate"})
    return found, private


def _read_key(key: bytes, passphrase: str | None) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(key, passphrase.encode() if passphrase else None)
    except UnsupportedAlgorithm as error:
        raise Invalid({"key": f"cannot be used: {error}"}) from None
    except TypeError:
        if passphrase:
            raise Invalid({"passphrase": "the key is not encrypted, and needs none"}) from None
        raise Invalid({"passphrase": "required, since the key is encrypted"}) from None
    except ValueError:
        if passphrase:
            fault = "is not a private key in PEM, or the passphrase is another one"
            raise Invalid({"key": fault}) from None
        raise Invalid({"key": "is not a private key in PEM"}) from None
