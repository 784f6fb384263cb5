"""Whose certificates are trusted over TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

from .location import Trust


def tls_context(trust: Trust) -> ssl.SSLContext:
    """Return how TLS verifies a server: by the system's authorities and these, or by these alone.

    A certificate that is no authority's is trusted as itself. Raises OSError for a file that cannot
    be read or holds no certificate.
    """
    if not trust.only:
        context = ssl.create_default_context()
        for file in trust.files:
            context.load_verify_locations(file)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        for file in trust.files:
            context.load_verify_locations(cadata=_first_certificate(file))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _first_certificate(file: Path) -> str:
    """Return the certificate that a file is about, without its authorities and its key."""
    _, begin, rest = file.read_text(errors="replace").partition(ssl.PEM_HEADER)
    content, end, _ = rest.partition(ssl.PEM_FOOTER)
    if not begin or not end:
        raise OSError(f"{file} holds no certificate")
    return begin + content + end
