"""Roles and accounts that are stored and that this worker cannot read, such as one with a reference
to what is missing here: what they guard stays shut.
"""

from __future__ import annotations

from hansa import PlainSettings, load

from .grants import RoleState
from .settings import AccountSettings, RoleSettings

EVERYTHING = "*"


def role_unread(stored: PlainSettings) -> RoleState:
    """Return the state of a role of which only the stored settings are known: it permits nothing,
    and guards what it names, or everything where that cannot be read.
    """
    settings = {
        "active": False,
        "services": _texts(stored, "services", [EVERYTHING]),
        "channels": _texts(stored, "channels", [EVERYTHING]),
    }
    return RoleState(load(RoleSettings, settings), unread=True)


def account_unread(stored: PlainSettings) -> AccountSettings:
    """Return an account of which only the stored settings are known: its credentials are refused, as
    far as they can be read.
    """
    settings = {"active": False, "credentials": _texts(stored, "credentials", [])}
    return load(AccountSettings, settings)


def _texts(stored: PlainSettings, name: str, otherwise: list[str]) -> list[str]:
    """Return the list of a setting, and `otherwise` besides if not all of it is text."""
    value = stored.get(name, [])
    if not isinstance(value, list):
        return otherwise
    texts = [one for one in value if isinstance(one, str) and one]
    return texts if len(texts) == len(value) else [*texts, *otherwise]
