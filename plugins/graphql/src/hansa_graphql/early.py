"""What hansa-graphql adds to the command line."""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa graphql`."""
    from .commands import group

    commands.add_command(group)
