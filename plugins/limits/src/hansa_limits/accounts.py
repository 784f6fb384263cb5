"""Whose account a caller's credential belongs to, where hansa-roles keeps accounts."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from hansa import Request, Server, Undefined

from .callers import caller_of, definition_of

WANTED = "hansa_roles"
"""The package that keeps accounts."""


def fault_of_accounts() -> str:
    """Return why nothing can be counted by account; an empty text if it can."""
    return "" if find_spec(WANTED) else "needs the plugin hansa-roles, which is not installed"


def account_namer(server: Server) -> Callable[[Request], str]:
    """Return what names the account of a request: the same for all its credentials.

    A caller whose credential belongs to no account is counted by itself; so are all where the
    plugin roles is not loaded.
    """
    if fault_of_accounts():
        return caller_of
    from hansa_roles.policy import Policy

    try:
        policy = server.resource(Policy)
    except Undefined:
        return caller_of

    def account_of(request: Request) -> str:
        grants = policy.grants or policy.current()
        account = grants.account_of.get(definition_of(request))
        return f"caller/{caller_of(request)}" if account is None else f"account/{account}"

    return account_of
