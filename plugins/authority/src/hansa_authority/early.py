"""Entry point of hansa-authority: the commands `hansa ca`."""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add the commands of the certificate authority; cryptography is imported when they run."""
    from .commands import ca

    commands.add_command(ca)
