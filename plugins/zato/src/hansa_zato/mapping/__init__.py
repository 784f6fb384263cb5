"""What Zato's objects are here: one mapping for each of their types, used in both directions.

Files of enmasse are read and written by it, admin services of Zato's names can be, and the list of what is
carried over is derived from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .cloud import CLOUD
from .data import DATA
from .http import HTTP
from .jobs import JOBS
from .mapping import Mapping
from .messages import MESSAGES
from .messaging import MESSAGING
from .parts import NO_SECURITY, Generation, Key, Reading, Remark, Writing
from .pubsub import PUBSUB
from .reasons import BUILT_IN, DELETED, NOT_CARRIED, Reason
from .roles import ROLES
from .security import SECURITY
from .sftp import SFTP
from .websocket import WEBSOCKET

__all__ = [
    "BUILT_IN",
    "DELETED",
    "MAPPINGS",
    "NOT_CARRIED",
    "NO_SECURITY",
    "Generation",
    "Key",
    "Mapping",
    "Reading",
    "Reason",
    "Remark",
    "Writing",
    "by_definition",
    "by_section",
    "security_types",
]

MAPPINGS: Final[tuple[Mapping, ...]] = (
    *SECURITY,
    *HTTP,
    *MESSAGING,
    *WEBSOCKET,
    *DATA,
    SFTP,
    *CLOUD,
    *JOBS,
    *MESSAGES,
    *PUBSUB,
    *ROLES,
)
"""All mappings."""

_BY_ZATO: Final = {mapping.zato: mapping for mapping in MAPPINGS if mapping.imported}
_BY_MINIMAL: Final = {mapping.minimal: mapping for mapping in MAPPINGS if mapping.minimal}


def by_section(section: str, security_type: str = "") -> Mapping | None:
    """Return the mapping of objects under a key of a file, in whatever form; None without one.

    Those of security definitions have a type, too, such as `basic_auth`.
    """
    key = f"{section}.{security_type}" if security_type else section
    found = _BY_MINIMAL.get(key) or _BY_ZATO.get(key)
    if found is None and section == "security":
        return _BY_ZATO.get(f"def_sec.{security_type}")
    return found


def by_definition(kind: str, type: str, generation: Generation) -> Mapping | None:
    """Return the mapping by which a definition is written; None if files have none for it."""
    fitting = (one for one in MAPPINGS if (one.kind, one.type) == (kind, type) and one.exported)
    if generation == "minimal":
        return next((one for one in fitting if one.minimal), None)
    return next((one for one in fitting if not one.is_minimal), None)


def security_types() -> Iterator[str]:
    """Return the types of security definitions that are carried over, as Zato calls them."""
    for mapping in SECURITY:
        if mapping.security_type and mapping.zato.startswith("def_sec."):
            yield mapping.security_type
