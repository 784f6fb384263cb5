"""The users of Zato's admin API, `pubapi` and `admin.invoke`: accounts of the role admin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ..command import API_USERS
from ..payloads import PlainDict

if TYPE_CHECKING:
    from hansa import Server

BuiltIn: TypeAlias = tuple[str, str, str, PlainDict]
"""A definition that comes with the plugin: its kind, type, name and settings."""

ADMIN: Final = "admin"
"""The security definition of the user `admin`."""
ROLES: Final = "roles"
"""The plugin that knows accounts."""
ACCOUNTS: Final = "admin-accounts"
"""Its security definition before the admin API."""
ROLE: Final = "admin"
"""What they may: all that the user `admin` may, as in Zato."""


def api_users(server: Server) -> Iterator[BuiltIn]:
    """Return the users whose passwords are in the folder of the server, `NAME.password`.

    hansa-quickstart makes these files, random and for their owner alone. Nobody of that name is let
    in where there is none. Where the plugin roles is loaded, they are accounts.
    """
    for name in names(server):
        password = {"$file": str(password_file(server, name))}
        user = {"username": name, "password": password, "realm": "Zato public API"}
        yield "security", "basic", name, user
        if ROLES in server.plugins.loaded:
            yield "account", "account", name, {"credentials": [name], "roles": [ROLE]}


def logins(server: Server) -> str | list[str]:
    """Return the security definitions before Zato's admin API: those of accounts, else one of each
    user.
    """
    if ROLES in server.plugins.loaded:
        return ACCOUNTS
    return [ADMIN, *names(server)]


def names(server: Server) -> list[str]:
    """Return the users that have a password."""
    return [name for name in API_USERS if password_file(server, name).is_file()]


def password_file(server: Server, name: str) -> Path:
    """Return the file with the password of a user."""
    return server.dir / f"{name}.password"
