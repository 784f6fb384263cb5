"""The hook of hansa-wss: the security type `wss`."""

from __future__ import annotations

from hansa import Security, hookimpl

from .security import Wss


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return WS-Security."""
    return [Wss]
