"""What the `hansa` command needs of this plugin: `hansa new plugin`, `hansa new service`, `hansa plugin check`."""

from __future__ import annotations

from typing import Any

from hansa import hookimpl


@hookimpl
def hansa_commands(commands: Any) -> None:
    """Add the commands for authors of plugins and services."""
    from .commands import add_commands

    add_commands(commands)
