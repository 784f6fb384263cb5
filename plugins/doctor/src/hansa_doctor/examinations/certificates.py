"""When the certificates of a server, and of the parts around it, end."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hansa import ExaminedServer, Finding

from ..subject import parts_around

SOON: Final = 30
"""Days before its end from which a certificate is one to renew."""
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


def examine(server: ExaminedServer) -> Iterator[Finding]:
    """Yield each certificate that has ended, or ends soon; and which one ends first."""
    from cryptography import x509

    now = datetime.datetime.now(datetime.UTC)
    folders = {server.folder, *(part.folder for part in parts_around(server))}
    first: tuple[datetime.datetime, Path] | None = None
    for path in sorted(path for folder in folders for path in folder.rglob("*.pem")):
        try:
            text = path.read_bytes()
            if _BEGIN.encode() not in text:
                continue
            end = min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(text))
        except (OSError, ValueError) as error:
            remedy = "put a certificate in PEM there, or remove the file"
            yield Finding("fault", f"{path} cannot be read: {error}", remedy)
            continue
        first = min(first, (end, path)) if first else (end, path)
        days = (end - now).days
        remedy = f"hansa ca renew {server.config.parent.parent}, or put a new one of your own there"
        if end <= now:
            yield Finding("fault", f"{path} has ended on {end:%Y-%m-%d}", remedy)
        elif days < SOON:
            yield Finding("warning", f"{path} ends on {end:%Y-%m-%d}, in {days} days", remedy)
    if first is None:
        yield Finding("ok", "no certificates")
    elif (first[0] - now).days >= SOON:
        yield Finding("ok", f"no certificate ends before {first[0]:%Y-%m-%d}")
