"""What hansa-dictionary adds to workers and to the command line: a kind, and commands."""

from __future__ import annotations

import click
from hansa import Definition, hookimpl

from .kinds import Dictionary, Translation


@hookimpl
def hansa_kinds() -> list[type[Definition]]:
    """Return dictionaries and translations."""
    return [Dictionary, Translation]


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa dictionary` and `hansa translation`."""
    from .commands import dictionary, translation

    commands.add_command(dictionary)
    commands.add_command(translation)
