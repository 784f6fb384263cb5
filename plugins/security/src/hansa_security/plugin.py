"""The hooks of hansa-security: its security types, and the counters of failed logins in a worker."""

from __future__ import annotations

from hansa import Security, Server, hookimpl

from .apikey import ApiKey
from .basic import Basic
from .bearer import Bearer
from .cells import SharedCells
from .early import SecuritySection
from .strength import requirements
from .throttle import Throttle


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return HTTP Basic, API keys and bearer tokens."""
    return [Basic, ApiKey, Bearer]


@hookimpl
def hansa_startup(server: Server) -> Throttle:
    """Require of secrets what the section says, and return what counts failed logins of all
    definitions: a new definition, or an edited one, grants nobody new attempts.
    """
    requirements.apply(server.section(SecuritySection))
    return Throttle(SharedCells(lambda: server.bus))
