"""The certificates that an authority has signed, and new ones in their place before they end."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from .authority import Issued, certificate_file, files_of, install, sign
from .failure import INVALID, NOT_A_COMPONENT, Failure

_SUFFIX = "-cert.pem"


@dataclass(frozen=True)
class Signed:
    """A certificate that an authority has signed, and what components beside it use of it.

    `installed` maps the folder of each to the certificate there: an earlier one where a renewal was
    interrupted.
    """

    name: str
    certificate: x509.Certificate
    installed: dict[Path, x509.Certificate]

    @property
    def used_by(self) -> list[Path]:
        """The folders of the components that use it."""
        return list(self.installed)

    @property
    def until(self) -> datetime.datetime:
        """When it ends, or the first of those that components have."""
        found = [self.certificate, *self.installed.values()]
        return min(one.not_valid_after_utc for one in found)

    @property
    def hosts(self) -> list[str]:
        """The host names and addresses that it is for."""
        found = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return [str(host.value) for host in found.value]


def authority_folder(path: Path) -> Path:
    """Return the folder of an authority: the one given, or `ca` in that of a cluster.

    Raises `Failure` if there is none.
    """
    for folder in (path, path / "ca"):
        if certificate_file(folder).is_file():
            return folder
    raise Failure(f"{path} is not a certificate authority, and has none in ca/", NOT_A_COMPONENT)


def signed_by(folder: Path) -> list[Signed]:
    """Return the certificates that the authority in a folder has signed, by name.

    Raises `Failure` for a file that is no certificate.
    """
    files = sorted((folder / "out-cert").glob(f"*{_SUFFIX}"))
    return [_signed(folder, file.name.removesuffix(_SUFFIX)) for file in files]


def authority_until(folder: Path) -> datetime.datetime:
    """Return when the certificate of the authority itself ends; raises `Failure`."""
    return _read(certificate_file(folder)).not_valid_after_utc


def select(certificates: list[Signed], names: tuple[str, ...], within: int | None) -> list[Signed]:
    """Return the certificates of these names, or all, that end within so many days, or whenever.

    Raises `Failure` for a name that there is no certificate of.
    """
    unknown = set(names) - {one.name for one in certificates}
    if unknown:
        known = ", ".join(one.name for one in certificates)
        message = f"there is no certificate of {', '.join(sorted(unknown))} (there are: {known})"
        raise Failure(message, INVALID)
    chosen = [one for one in certificates if not names or one.name in names]
    if within is None:
        return chosen
    limit = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=within)
    return [one for one in chosen if one.until < limit]


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other commands from renewing certificates of an authority, which would mix up the keys.

    Raises `Failure` while another one does so.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"another command is renewing certificates of {folder}") from None
        yield
    finally:
        os.close(descriptor)


def renew(folder: Path, signed: Signed) -> Issued:
    """Have the authority sign a new certificate with a new key for the same subject and hosts, and
    give it to the components that use the present one, or an earlier one. Raises `Failure`.
    """
    extensions = signed.certificate.extensions
    alternatives = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    issued = sign(folder, signed.name, signed.certificate.subject, alternatives)
    for component in signed.used_by:
        install(folder, issued, component)
    return issued


def _signed(folder: Path, name: str) -> Signed:
    certificate = _read(files_of(folder, name).certificate)
    return Signed(name, certificate, _installed(folder, certificate))


def _installed(folder: Path, certificate: x509.Certificate) -> dict[Path, x509.Certificate]:
    """Return what the components beside an authority have installed of its certificates for this
    subject, by their folders. One of somebody else in its place is not among them.
    """
    authority = _read(certificate_file(folder))
    found = {}
    for file in sorted(folder.parent.glob("*/certificates/cert-key.pem")):
        try:
            installed = x509.load_pem_x509_certificate(file.read_bytes())
            installed.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue  # not one of this authority
        if installed.subject == certificate.subject:
            found[file.parent.parent] = installed
    return found


def _read(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Failure(f"{file} is not a certificate: {error}", NOT_A_COMPONENT) from None
