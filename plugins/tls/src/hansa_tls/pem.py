"""PEM (RFC 7468), pasted into a setting or in a file that it names."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from hansa import Invalid, Unavailable

LARGEST = 16 * 2**20
"""Maximum size of a file, in bytes."""
_BEGIN = "-----BEGIN "


def is_pasted(given: str) -> bool:
    """Whether a setting holds the PEM itself; else it is the path of a file."""
    return _BEGIN in given


class PemSource:
    """What a setting holds or names, and whether that has changed."""

    def __init__(self, setting: str, given: str) -> None:
        self.setting = setting
        self._given = given
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> bytes:
        """Return the PEM; raises `Unavailable` if its file cannot be read."""
        if is_pasted(self._given):
            return self._given.encode()
        path = Path(self._given)
        try:
            self._seen = self._state()
            if path.stat().st_size > LARGEST:
                raise Unavailable(f"{path} is larger than {LARGEST} bytes")
            return path.read_bytes()
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from error

    @property
    def has_changed(self) -> bool:
        """Whether the file is another one than was read last."""
        return bool(self._given) and not is_pasted(self._given) and self._state() != self._seen

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._given)
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns


def certificates_in(setting: str, content: bytes) -> list[x509.Certificate]:
    """Return the certificates in PEM; raises `Invalid`, which names the setting, if there are none
    or one cannot be read.
    """
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        fault = f"has no certificate in PEM, or one that cannot be read: {error}"
        raise Invalid({setting: fault}) from error


def revocation_lists_in(setting: str, content: bytes) -> list[x509.CertificateRevocationList]:
    """Return the certificate revocation lists in PEM, or the one in DER; raises `Invalid`.

    Those with critical extensions are refused, since they list a part of what is revoked, or the
    certificates of others (RFC 5280, section 5.2).
    """
    end = b"-----END X509 CRL-----"
    try:
        if content.startswith(b"\x30"):
            found = [x509.load_der_x509_crl(content)]
        else:
            parts = content.split(end)[:-1]
            found = [x509.load_pem_x509_crl(part + end + b"\n") for part in parts]
        critical = [each.oid for one in found for each in one.extensions if each.critical]
    except ValueError as error:
        raise Invalid({setting: f"has a list that cannot be read: {error}"}) from error
    if not found:
        raise Invalid({setting: "has no certificate revocation list (X509 CRL) in PEM or DER"})
    if critical:
        raise Invalid(
            {setting: f"has a list with a critical extension: {critical[0].dotted_string}"}
        )
    return found
