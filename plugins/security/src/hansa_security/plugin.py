"""The hook of hansa-security: the security types `basic`, `apikey` and `bearer`."""

from __future__ import annotations

from hansa import Security, hookimpl

from .apikey import ApiKey
from .basic import Basic
from .bearer import Bearer


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return HTTP Basic, API keys and bearer tokens."""
    return [Basic, ApiKey, Bearer]
