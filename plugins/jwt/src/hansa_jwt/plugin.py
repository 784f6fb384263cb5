"""The hooks of hansa-jwt: the security type `jwt`, and the count of forged tokens in a worker."""

from __future__ import annotations

from hansa import Security, Server, hookimpl

from .forged import ForgedTokens
from .security import Jwt


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return JSON Web Tokens."""
    return [Jwt]


@hookimpl
def hansa_startup(server: Server) -> ForgedTokens:
    """Return what counts forged tokens of all definitions: an edited one does not begin anew."""
    return ForgedTokens()
