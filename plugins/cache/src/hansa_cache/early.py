"""What hansa-cache adds to workers and to the command line: the type `data cache`, and commands."""

from __future__ import annotations

import click
from hansa import Definition, hookimpl

from .kinds import CacheDefinition


@hookimpl
def hansa_kinds() -> list[type[Definition]]:
    """Return the type of caches."""
    return [CacheDefinition]


@hookimpl
def hansa_transient_keys() -> list[str]:
    """Return what caches keep, which is computed anew."""
    return ["cache", "cache-claim"]


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa cache`."""
    from .commands import cache

    commands.add_command(cache)
