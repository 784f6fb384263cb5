"""The hooks of hansa-tls: its security types, and what it keeps in a worker."""

from __future__ import annotations

from hansa import Security, Server, hookimpl

from .authority import TlsAuthority
from .key import TlsKey
from .security import ClientCertificate
from .worker import TlsWorker


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return client certificates of callers, authorities, and keys of connections."""
    return [ClientCertificate, TlsAuthority, TlsKey]


@hookimpl
def hansa_startup(server: Server) -> TlsWorker:
    """Return what watches certificates, and counts those that were refused."""
    return TlsWorker()
