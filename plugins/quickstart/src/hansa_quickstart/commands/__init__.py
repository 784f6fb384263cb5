"""The commands: each reads its command line, and calls the module that does the work."""

from __future__ import annotations

import click

from .accounts import create_group, update_group
from .clusters import quickstart
from .components import check_config, info, kvdb, start, stop
from .systemd import systemd


def add_commands(commands: click.Group) -> None:
    """Add everything to the `hansa` command."""
    commands.add_command(quickstart)
    commands.add_command(check_config)
    commands.add_command(start)
    commands.add_command(stop)
    commands.add_command(info)
    commands.add_command(systemd)
    commands.add_command(create_group)
    commands.add_command(update_group)
    commands.add_command(kvdb)
