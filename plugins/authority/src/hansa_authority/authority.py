"""A certificate authority in a folder, and the certificates that it signs.

Keys are ECDSA on P-256. `ca-material` holds the authority's own key and certificate; for each
certificate, `out-priv` holds the key (mode 0600), `out-pub` the public key, `out-csr` the signing
request and `out-cert` the certificate, all in PEM.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hansa import replace_file

from .description import CA, describe
from .extensions import authority_certificate, component_certificate, subject_alternatives
from .failure import INVALID, NOT_A_COMPONENT, NOT_EMPTY, Failure
from .subject import AUTHORITY_NAME, Subject

FOLDERS: Final = ("ca-material", "out-cert", "out-csr", "out-priv", "out-pub")
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
PUBLIC_MODE: Final = 0o644
"""The permission bits of files without secrets."""


@dataclass(frozen=True)
class Issued:
    """The files of one certificate."""

    key: Path
    public: Path
    request: Path
    certificate: Path

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        return [self.key, self.public, self.request, self.certificate]


def create_authority(
    folder: Path, subject: Subject | None = None, common_name: str = AUTHORITY_NAME
) -> list[Path]:
    """Create an authority in an empty or new folder; returns the paths of its certificate and key.

    Raises `Failure`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is not empty", NOT_EMPTY)
    name = (subject or Subject()).name(common_name)
    for inner in FOLDERS:
        (folder / inner).mkdir(mode=0o700, parents=True, exist_ok=True)
    describe(folder, CA)
    key = _new_key()
    certificate = authority_certificate(name, key.public_key()).sign(key, hashes.SHA256())
    replace_file(certificate_file(folder), _pem(certificate), mode=PUBLIC_MODE)
    replace_file(_key_file(folder), _private_pem(key))
    return [certificate_file(folder), _key_file(folder)]


def issue(
    folder: Path, name: str, hosts: Iterable[str] = (), subject: Subject | None = None
) -> Issued:
    """Make a key and have the authority sign its certificate, valid for this machine and `hosts`.

    Files of an earlier certificate of the same name are replaced. Raises `Failure`.
    """
    alternatives = subject_alternatives([name, *LOCAL_HOSTS, socket.gethostname(), *hosts])
    return sign(folder, name, (subject or Subject()).name(name), alternatives)


def sign(
    folder: Path, name: str, subject: x509.Name, alternatives: x509.SubjectAlternativeName
) -> Issued:
    """Make a key and have the authority sign its certificate for this subject and these hosts.

    Files of an earlier certificate of the same name are replaced. Raises `Failure`.
    """
    authority_key, authority = _load(folder)
    key = _new_key()
    request = x509.CertificateSigningRequestBuilder()
    request = request.subject_name(subject)
    request = request.add_extension(alternatives, critical=False)
    signed_request = request.sign(key, hashes.SHA256())
    unsigned = component_certificate(
        authority, signed_request.subject, key.public_key(), alternatives
    )
    certificate = unsigned.sign(authority_key, hashes.SHA256())

    issued = files_of(folder, name)
    replace_file(issued.key, _private_pem(key))
    replace_file(issued.public, _public_pem(key), mode=PUBLIC_MODE)
    replace_file(issued.request, _pem(signed_request), mode=PUBLIC_MODE)
    replace_file(issued.certificate, _pem(certificate), mode=PUBLIC_MODE)
    return issued


def request(name: str, folder: Path) -> bytes:
    """Make a key in the folder of a component, `certificates/key.pem`, and return a signing request
    for it (PEM), which asks for nothing but the name.
    """
    key = _new_key()
    target = folder / "certificates"
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(target / "key.pem", _private_pem(key))
    builder = x509.CertificateSigningRequestBuilder()
    builder = builder.subject_name(Subject().name(name))
    return _pem(builder.sign(key, hashes.SHA256()))


def sign_request(
    folder: Path, name: str, asked: bytes, hosts: Iterable[str] = ()
) -> tuple[bytes, bytes]:
    """Have the authority sign a certificate for the key of a request (PEM), whose holder proves that
    he has it; returns the certificate and that of the authority (PEM).

    Name and hosts are those given here, whatever the request asks for. Raises `Failure` for what is
    no such request, and where there is no authority.
    """
    authority_key, authority = _load(folder)
    try:
        signed = x509.load_pem_x509_csr(asked)
        key = signed.public_key()
        valid = signed.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        raise Failure("this is no certificate signing request", INVALID) from None
    if not valid or not isinstance(key, ec.EllipticCurvePublicKey):
        raise Failure("the signing request is not of an elliptic-curve key, or forged", INVALID)
    alternatives = subject_alternatives([name, *LOCAL_HOSTS, *hosts])
    unsigned = component_certificate(authority, Subject().name(name), key, alternatives)
    return _pem(unsigned.sign(authority_key, hashes.SHA256())), _pem(authority)


def install_signed(certificate: bytes, authority: bytes, into: Path) -> None:
    """Write a certificate, beside its key, and that of its authority into the folder of a component;
    the files are those of `install`.
    """
    target = into / "certificates"
    key = (target / "key.pem").read_text()
    replace_file(target / "cert.pem", certificate.decode(), mode=PUBLIC_MODE)
    replace_file(target / "cert-key.pem", certificate.decode() + key)
    replace_file(target / "ca-cert.pem", authority.decode(), mode=PUBLIC_MODE)


def fingerprint(authority: bytes) -> str:
    """Return the SHA-256 of a certificate (PEM) in hexadecimal digits; raises ValueError."""
    return x509.load_pem_x509_certificate(authority).fingerprint(hashes.SHA256()).hex()


def first_certificate(text: bytes) -> bytes:
    """Return the first certificate of a PEM text, and nothing of what stands beside it, which would
    be trusted, too, by who verifies with the text; raises ValueError.
    """
    return _pem(x509.load_pem_x509_certificate(text))


def install(folder: Path, issued: Issued, into: Path) -> None:
    """Copy key, certificate and the authority's certificate into the folder of a component.

    The files are `certificates/{key,cert,cert-key,ca-cert}.pem`.
    """
    target = into / "certificates"
    target.mkdir(mode=0o700, exist_ok=True)
    key = issued.key.read_text()
    certificate = issued.certificate.read_text()
    authority = certificate_file(folder).read_text()
    replace_file(target / "key.pem", key)
    replace_file(target / "cert.pem", certificate, mode=PUBLIC_MODE)
    replace_file(target / "cert-key.pem", certificate + key)
    replace_file(target / "ca-cert.pem", authority, mode=PUBLIC_MODE)


def certificate_file(folder: Path) -> Path:
    """Return the path of the authority's own certificate."""
    return folder / "ca-material" / "ca-cert.pem"


def _key_file(folder: Path) -> Path:
    return folder / "ca-material" / "ca-key.pem"


def files_of(folder: Path, name: str) -> Issued:
    """Return where the files of a certificate are, or will be."""
    return Issued(
        key=folder / "out-priv" / f"{name}-priv.pem",
        public=folder / "out-pub" / f"{name}-pub.pem",
        request=folder / "out-csr" / f"{name}-csr.pem",
        certificate=folder / "out-cert" / f"{name}-cert.pem",
    )


def _load(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    try:
        key = serialization.load_pem_private_key(_key_file(folder).read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(certificate_file(folder).read_bytes())
    except (OSError, ValueError) as error:
        message = f"{folder} is not a certificate authority: {error}"
        raise Failure(message, NOT_A_COMPONENT) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        message = f"{folder}: the authority's key is not an elliptic-curve key"
        raise Failure(message, NOT_A_COMPONENT)
    return key, certificate


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(signed: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return signed.public_bytes(serialization.Encoding.PEM)


def _public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
