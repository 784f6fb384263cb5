"""Adds the commands: quickstart, start, stop, info, check-config, create, update, kvdb."""

from __future__ import annotations

from typing import Any

from hansa import hookimpl


@hookimpl
def hansa_commands(commands: Any) -> None:
    """Add the commands; what they do is imported when they run."""
    from .commands import add_commands

    add_commands(commands)
