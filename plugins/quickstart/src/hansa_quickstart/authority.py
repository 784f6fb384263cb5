"""The development CA: a certificate authority in a folder, and the certificates it signs for the components of a cluster.

Keys are ECDSA on P-256. `ca-material` holds the authority's own key and certificate; for each certificate, `out-priv` holds the
key (mode 0600), `out-pub` the public key, `out-csr` the request and `out-cert` the certificate, all PEM.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .component import CA, describe, write_private
from .failure import NOT_A_COMPONENT, NOT_EMPTY, Failure

FOLDERS = ("ca-material", "out-cert", "out-csr", "out-priv", "out-pub")
AUTHORITY_DAYS, CERTIFICATE_DAYS = 3650, 825
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Subject:
    """Whom a certificate names."""

    organization: str = "Hansa"
    organizational_unit: str = "Development"
    locality: str = "Luebeck"
    state_or_province: str = "Schleswig-Holstein"
    country: str = "DE"

    def name(self, common_name: str) -> x509.Name:
        """The distinguished name."""
        parts = {
            NameOID.COUNTRY_NAME: self.country,
            NameOID.STATE_OR_PROVINCE_NAME: self.state_or_province,
            NameOID.LOCALITY_NAME: self.locality,
            NameOID.ORGANIZATION_NAME: self.organization,
            NameOID.ORGANIZATIONAL_UNIT_NAME: self.organizational_unit,
            NameOID.COMMON_NAME: common_name,
        }
        try:
            return x509.Name(
                [x509.NameAttribute(oid, value) for oid, value in parts.items() if value]
            )
        except ValueError as error:
            raise Failure(f"the name in the certificate is not possible: {error}") from None


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
    folder: Path, subject: Subject | None = None, common_name: str = "Hansa development CA"
) -> list[Path]:
    """Make an authority in an empty or new folder; gives the paths of its certificate and key. Raises `Failure`."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is not empty", NOT_EMPTY)
    name = (subject or Subject()).name(common_name)
    for inner in FOLDERS:
        (folder / inner).mkdir(mode=0o700, parents=True, exist_ok=True)
    describe(folder, CA)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key.public_key(), AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    paths = [folder / "ca-material" / "ca-cert.pem", folder / "ca-material" / "ca-key.pem"]
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    write_private(paths[1], _private_pem(key))
    return paths


def issue(
    folder: Path, name: str, hosts: Iterable[str] = (), subject: Subject | None = None
) -> Issued:
    """Make a key and have the authority sign its certificate, for this machine and `hosts`; raises `Failure`.

    Files of an earlier certificate of the same name are replaced.
    """
    authority_key, authority = _load(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    names = dict.fromkeys([name, *LOCAL, socket.gethostname(), *hosts])
    alternatives = x509.SubjectAlternativeName([_alternative(host) for host in names])
    request = x509.CertificateSigningRequestBuilder().subject_name(
        (subject or Subject()).name(name)
    )
    signed = request.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    builder = _builder(signed.subject, authority.subject, key.public_key(), CERTIFICATE_DAYS)
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage(both), False),
        (alternatives, False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(authority_key, hashes.SHA256())
    issued = Issued(
        *(folder / f"out-{kind}" / f"{name}-{kind}.pem" for kind in ("priv", "pub", "csr", "cert"))
    )
    write_private(issued.key, _private_pem(key))
    issued.public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    issued.request.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    issued.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return issued


def install(folder: Path, issued: Issued, into: Path) -> None:
    """Give a component its key, its certificate and that of the authority, as `certificates/{key,cert,cert-key,ca-cert}.pem`."""
    target = into / "certificates"
    target.mkdir(mode=0o700, exist_ok=True)
    write_private(target / "key.pem", issued.key.read_text())
    (target / "cert.pem").write_text(issued.certificate.read_text())
    write_private(target / "cert-key.pem", issued.certificate.read_text() + issued.key.read_text())
    (target / "ca-cert.pem").write_text((folder / "ca-material" / "ca-cert.pem").read_text())


def _load(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    try:
        key = serialization.load_pem_private_key(
            (folder / "ca-material" / "ca-key.pem").read_bytes(), None
        )
        certificate = x509.load_pem_x509_certificate(
            (folder / "ca-material" / "ca-cert.pem").read_bytes()
        )
    except (OSError, ValueError) as error:
        raise Failure(f"{folder} is no certificate authority: {error}", NOT_A_COMPONENT) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Failure(f"{folder}: its key is not one that this command made", NOT_A_COMPONENT)
    return key, certificate


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    # from an hour ago: clocks of other machines may be behind
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin)
    builder = builder.not_valid_after(begin + datetime.timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
