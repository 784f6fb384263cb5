"""What this plugin gives: the security types `basic` and `apikey`."""

from __future__ import annotations

from hansa import Security, hookimpl

from .apikey import ApiKey
from .basic import Basic


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Give HTTP Basic and API keys."""
    return [Basic, ApiKey]
