"""A private certificate authority, made with `cryptography`, and what openssl makes of its files."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID


class Issued:
    """A certificate with its key."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.key = key

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key in PEM, not encrypted."""
        private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return private.decode()

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write two files, and return those of certificate and key."""
        paths = (folder / f"{name}.crt", folder / f"{name}.key")
        paths[0].write_text(self.pem)
        paths[1].write_text(self.key_pem)
        return paths

    def issue(
        self,
        subject: str,
        *names: x509.GeneralName,
        days: tuple[float, float] = (-1, 90),
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    ) -> Issued:
        """Return a certificate that this one has signed, whether it may or not."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions: list[x509.ExtensionType] = [x509.ExtendedKeyUsage([usage])]
        if names:
            extensions.append(x509.SubjectAlternativeName(names))
        made = _certificate(subject, key, self, extensions, days)
        return Issued(made.sign(self.key, hashes.SHA256()), key)


class Authority(Issued):
    """An authority that signs itself, or is signed by another one; without `ca` its certificate says
    that it is none. `usages` are further extensions.
    """

    def __init__(
        self,
        name: str,
        signer: Authority | None = None,
        *usages: x509.ExtensionType,
        ca: bool = True,
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        basic = x509.BasicConstraints(ca=ca, path_length=None)
        made = _certificate(f"CN={name},O=Hansa tests", key, signer, [basic, *usages])
        own = key if signer is None else signer.key
        super().__init__(made.sign(own, hashes.SHA256()), key)

    def revoke(self, *revoked: Issued, folder: Path) -> Path:
        """Return a revocation list (PEM) that openssl has made."""
        folder.mkdir(exist_ok=True)
        ca, key = self.write(folder, "ca")
        lines = [
            f"R\t301231000000Z\t250101000000Z\t{one.certificate.serial_number:032X}\tunknown\t/CN=x"
            for one in revoked
        ]
        (folder / "index.txt").write_text("".join(f"{line}\n" for line in lines))
        (folder / "openssl.cnf").write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={folder}/index.txt\ndefault_md=sha256\n"
        )
        words = ["openssl", "ca", "-gencrl", "-config", f"{folder}/openssl.cnf"]
        words += ["-cert", str(ca), "-keyfile", str(key), "-out", f"{folder}/list.crl"]
        words += ["-crldays", "7"]
        subprocess.run(words, check=True, capture_output=True, timeout=20)
        return folder / "list.crl"

    def partial_list(self) -> str:
        """Return a revocation list (PEM) that adds to another one."""
        now = datetime.now(UTC)
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now)
            .next_update(now + timedelta(days=1))
            .add_extension(x509.DeltaCRLIndicator(1), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(Encoding.PEM).decode()

    def outdated_list(self) -> str:
        """Return a revocation list (PEM) whose next one was due yesterday."""
        now = datetime.now(UTC)
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - timedelta(days=2))
            .next_update(now - timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(Encoding.PEM).decode()


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    signer: Issued | None,
    extensions: Sequence[x509.ExtensionType],
    days: tuple[float, float] = (-1, 90),
) -> x509.CertificateBuilder:
    name = x509.Name.from_rfc4514_string(subject)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(signer.certificate.subject if signer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number() >> 32)
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )
    for extension in extensions:
        critical = isinstance(extension, x509.BasicConstraints)
        builder = builder.add_extension(extension, critical=critical)
    return builder
