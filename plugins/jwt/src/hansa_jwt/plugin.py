"""The hook of hansa-jwt: the security type `jwt`."""

from __future__ import annotations

from hansa import Security, hookimpl

from .security import Jwt


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return JSON Web Tokens."""
    return [Jwt]
