"""`hansa leave` and `hansa renew`: components of a host leave their cluster, or get new
certificates.
"""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from hansa_authority.authority import install_signed, request
from hansa_quickstart.component import Component
from hansa_quickstart.failure import INVALID, Failure
from hansa_quickstart.locks import exclusive
from hansa_quickstart.stop import stop_parts

from .asking import Authority
from .cluster import AUTHORITY, open_host
from .components import MEMBER_SECRET, describe_host
from .configurations import CA_FILE
from .members import Members

_RENEWING = ".renewing"


def leave(path: Path, names: Iterable[str], *, force: bool) -> list[str]:
    """Have components of a host, by default all, finish what they have, leave their cluster, and
    remove their folders; returns their names. Raises `Failure`.

    With `force` they leave even if the authority cannot be told, which then still counts them; and
    on its own host it forgets those of other hosts.
    """
    folder = open_host(path).folder
    # what has ended is not started again, by systemd for one, before its folder is gone
    with exclusive(folder):
        return _leave(Component(folder), names, force=force)


def _leave(host: Component, names: Iterable[str], *, force: bool) -> list[str]:
    wanted = list(names) or [part.folder.name for part in _own(host)]
    forgotten = _elsewhere(host, wanted) if force else []
    left = _chosen(host, [name for name in wanted if name not in forgotten])
    for name in forgotten:
        Members(host.folder / AUTHORITY).remove(name)
    for part in left:
        with exclusive(part.folder):
            stop_parts(part, [part])
            try:
                _tell(host, part)
            except Failure:
                if not force:
                    raise
            shutil.rmtree(part.folder)
        rest = [name for name in host.about["components"] if name != part.folder.name]
        describe_host(host.folder, host.about["cluster"], host.about["authority"], rest)
        host = Component(host.folder)
    if not host.parts:
        shutil.rmtree(host.folder)
    return [*forgotten, *(part.folder.name for part in left)]


def _own(host: Component) -> list[Component]:
    """Return the components of a host but the authority."""
    return [part for part in host.parts if part.folder.name != AUTHORITY]


def _elsewhere(host: Component, names: Iterable[str]) -> list[str]:
    """Return which of the names are, to the authority of this host, those of other hosts."""
    own = {part.folder.name for part in _own(host)}
    known = {member.name for member in Members(host.folder / AUTHORITY).all()}
    return sorted(set(names) & known - own)


def _chosen(host: Component, wanted: list[str]) -> list[Component]:
    """Return the components of these names; raises `Failure`."""
    own = _own(host)
    unknown = set(wanted) - {part.folder.name for part in own}
    if unknown:
        hint = "; --force has the authority forget them" if _elsewhere(host, unknown) else ""
        message = f"{host.folder} has no component {', '.join(sorted(unknown))}{hint}"
        raise Failure(message, INVALID)
    return [part for part in own if part.folder.name in wanted]


def _tell(host: Component, part: Component) -> None:
    name = part.folder.name
    home = host.folder / AUTHORITY
    if home.is_dir():
        Members(home).remove(name)
        return
    _authority_of(host, part).leave(name, _secret_of(part))


def renew(path: Path, within: int | None) -> list[str]:
    """Get new certificates, with new keys, for the components of a host whose present ones end
    within so many days, or for all; returns their names. Raises `Failure`.
    """
    host = open_host(path)
    if (host.folder / AUTHORITY).is_dir():
        message = f"this is the authority's host: hansa ca renew {host.folder}"
        raise Failure(message, INVALID)
    renewed = [part for part in host.parts if within is None or _ends_within(part, within)]
    for part in renewed:
        place = part.folder / _RENEWING
        asked = request(part.folder.name, place)
        answer = _authority_of(host, part).renew(part.folder.name, _secret_of(part), asked)
        # what serves reads both in one file, which is replaced at once
        install_signed(answer["certificate"].encode(), answer["authority"].encode(), place)
        for name in ("key.pem", "cert.pem", "ca-cert.pem", "cert-key.pem"):
            new = place / "certificates" / name
            new.replace(part.folder / "certificates" / name)
        shutil.rmtree(place)
    return [part.folder.name for part in renewed]


def _ends_within(part: Component, days: int) -> bool:
    certificate = (part.folder / "certificates" / "cert.pem").read_bytes()
    end = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    return end < datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)


def _authority_of(host: Component, part: Component) -> Authority:
    file = part.folder / CA_FILE
    try:
        return Authority(str(host.about["authority"]), file.read_bytes())
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", INVALID) from None


def _secret_of(part: Component) -> str:
    file = part.folder / MEMBER_SECRET
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", INVALID) from None
