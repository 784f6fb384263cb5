"""The hook of hansa-x509: its security type."""

from __future__ import annotations

from hansa import Security, hookimpl

from .security import X509


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return signatures with X.509 certificates."""
    return [X509]
