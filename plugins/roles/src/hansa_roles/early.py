"""The kinds that hansa-roles adds, known to workers and to the command line."""

from __future__ import annotations

from hansa import Definition, hookimpl

from .kinds import Account, Role


@hookimpl
def hansa_kinds() -> list[type[Definition]]:
    """Return roles and accounts."""
    return [Role, Account]
