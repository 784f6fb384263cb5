"""What the `hansa` command needs: `hansa new plugin`, `hansa new service`, `hansa plugin check`."""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add the commands for authors of plugins and services."""
    from .commands import add_commands

    add_commands(commands)
