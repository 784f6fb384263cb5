"""The hooks of hansa-ntlm: its security type, and what its library may log."""

from __future__ import annotations

import logging

from hansa import Security, Server, hookimpl

from .security import Ntlm


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return NTLM."""
    return [Ntlm]


@hookimpl
def hansa_startup(server: Server) -> None:
    """Keep pyspnego from logging its messages, from which passwords can be guessed."""
    logging.getLogger("spnego").setLevel(logging.INFO)
