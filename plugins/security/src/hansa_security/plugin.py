"""The hook of hansa-security: the security types `basic` and `apikey`."""

from __future__ import annotations

from hansa import Security, hookimpl

from .apikey import ApiKey
from .basic import Basic


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return HTTP Basic and API keys."""
    return [Basic, ApiKey]
