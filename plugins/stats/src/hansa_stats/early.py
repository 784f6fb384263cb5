"""The commands of the statistics and of the landscape."""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa stats` and `hansa landscape`."""
    from .commands import stats
    from .landscape.commands import landscape

    commands.add_command(stats)
    commands.add_command(landscape)
