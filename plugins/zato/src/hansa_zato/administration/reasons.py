"""Why objects of Zato that are not carried over have no services here."""

from __future__ import annotations

from collections.abc import Iterable

from ..mapping import NOT_CARRIED
from .declaration import Declared, missing


def not_carried(key: str, prefix: str, actions: Iterable[str]) -> tuple[Declared, ...]:
    """Return the declarations of services for objects of a type, by its key in files."""
    reason = NOT_CARRIED[key]
    why = f"{reason.why}; instead: {reason.instead}"
    return missing(why, *(f"{prefix}.{action}" for action in actions))
