"""The hook of hansa-xpath: its security type."""

from __future__ import annotations

from hansa import Security, hookimpl

from .security import XPathSecurity


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return credentials inside XML messages."""
    return [XPathSecurity]
