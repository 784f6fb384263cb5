"""The certificates that an authority has signed, and new ones in their place before they end."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from .authority import Issued, certificate_file, files_of, install, sign
from .failure import INVALID, NOT_A_COMPONENT, Failure

_SUFFIX = "-cert.pem"


@dataclass(frozen=True)
class Signed:
    """A certificate that an authority has signed, and the components beside it that use it."""

    name: str
    certificate: x509.Certificate
    used_by: list[Path]

    @property
    def until(self) -> datetime.datetime:
        """When it ends."""
        return self.certificate.not_valid_after_utc

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


def renew(folder: Path, signed: Signed) -> Issued:
    """Have the authority sign a new certificate with a new key for the same subject and hosts, and
    give it to the components that use the present one. Raises `Failure`.
    """
    extensions = signed.certificate.extensions
    alternatives = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    issued = sign(folder, signed.name, signed.certificate.subject, alternatives)
    for component in signed.used_by:
        install(folder, issued, component)
    return issued


def _signed(folder: Path, name: str) -> Signed:
    file = files_of(folder, name).certificate
    return Signed(name, _read(file), _users_of(folder, file))


def _users_of(folder: Path, file: Path) -> list[Path]:
    """Return the components beside an authority that have one of its certificates installed, and
    not another one in its place.
    """
    content = file.read_text()
    beside = sorted(folder.parent.glob("*/certificates/cert-key.pem"))
    return [path.parent.parent for path in beside if path.read_text().startswith(content)]


def _read(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Failure(f"{file} is not a certificate: {error}", NOT_A_COMPONENT) from None
