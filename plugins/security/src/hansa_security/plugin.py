"""The hooks of hansa-security: the security types `basic`, `apikey` and `bearer`, and the counters of
failed logins in a worker.
"""

from __future__ import annotations

from hansa import Security, Server, hookimpl

from .apikey import ApiKey
from .basic import Basic
from .bearer import Bearer
from .cells import SharedCells
from .throttle import Throttle


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return HTTP Basic, API keys and bearer tokens."""
    return [Basic, ApiKey, Bearer]


@hookimpl
def hansa_startup(server: Server) -> Throttle:
    """Return what counts failed logins of all definitions: a new definition, or an edited one,
    grants nobody new attempts.
    """
    return Throttle(SharedCells(lambda: server.bus))
