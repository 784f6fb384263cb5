"""The commands of the statistics."""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa stats`."""
    from .commands import stats

    commands.add_command(stats)
