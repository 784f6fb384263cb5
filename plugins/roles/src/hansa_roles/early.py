"""What hansa-roles adds to workers and to the command line: its kinds, its section of config.toml,
and the command of sessions.
"""

from __future__ import annotations

from typing import Annotated

import click
from hansa import Definition, Model, hookimpl, setting

from .kinds import Account, Role


class SessionsSection(Model):
    """The sessions of who logs in to the admin API with a password: `[sessions]`."""

    idle: Annotated[
        float, setting("Seconds after which a session ends that is not used", ge=60, le=86_400)
    ] = 1800.0
    maximum: Annotated[
        float,
        setting("Seconds after which a session ends in any case", ge=60, le=30 * 86_400),
    ] = 43_200.0
    confirm_after: Annotated[
        float,
        setting(
            "Seconds after the login from which final acts need the password once more",
            ge=10,
            le=86_400,
        ),
    ] = 300.0


@hookimpl
def hansa_kinds() -> list[type[Definition]]:
    """Return roles and accounts."""
    return [Role, Account]


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[sessions]`."""
    return {"sessions": SessionsSection}


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa session` and `hansa me`."""
    from .commands import add_commands

    add_commands(commands)
