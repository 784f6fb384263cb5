"""What hansa-grpc adds to the command line."""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa grpc`."""
    from .commands import group

    commands.add_command(group)
