"""The commands of WSDL, `hansa wsdl`."""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa wsdl ...`."""
    from .cli import group

    commands.add_command(group)
