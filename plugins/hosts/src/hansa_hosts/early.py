"""Entry point of hansa-hosts: create, join, renew and leave, and the process of the authority."""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add the commands, those of `hansa create` to the group of hansa-quickstart, whichever plugin
    is asked first; what they do is imported when they run.
    """
    from hansa_quickstart.commands.accounts import create_group

    from .commands import CREATED, TOP

    for command in CREATED:
        create_group.add_command(command)
    for command in TOP:
        commands.add_command(command)
