"""Entry point of hansa-cli: its commands."""

from __future__ import annotations

import click
from hansa import RegisteredType, hookimpl


@hookimpl
def hansa_commands(commands: click.Group, types: list[RegisteredType]) -> None:
    """Add the commands that are clients of the admin API."""
    from .commands import add_commands

    add_commands(commands, types)
