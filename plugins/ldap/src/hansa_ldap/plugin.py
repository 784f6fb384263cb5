"""The hook of hansa-ldap: its security type."""

from __future__ import annotations

from hansa import Security, hookimpl

from .security import Ldap


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return logins that a directory judges."""
    return [Ldap]
