"""Entry point of hansa-backup: the commands `hansa backup` and `hansa restore`."""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add the commands; what they do is imported when they run."""
    from .commands import backup, restore

    commands.add_command(backup)
    commands.add_command(restore)
