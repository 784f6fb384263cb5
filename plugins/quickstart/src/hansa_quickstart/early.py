"""Entry point of hansa-quickstart: quickstart, start, stop, info, check-config, create, update,
kvdb.
"""

from __future__ import annotations

import click
from hansa import hookimpl


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add the commands; what they do is imported when they run."""
    from .commands import add_commands

    add_commands(commands)
