"""The hooks of hansa-aws: its security type, and what its library may log."""

from __future__ import annotations

import logging

from hansa import Security, Server, hookimpl

from .security import Aws


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return signatures of AWS."""
    return [Aws]


@hookimpl
def hansa_startup(server: Server) -> None:
    """Keep botocore from logging what it signs, which has the session token in it."""
    logging.getLogger("botocore").setLevel(logging.INFO)
