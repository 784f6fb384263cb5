"""The section `[otel]` of config.toml, and the command, declared where nothing heavy is imported."""

from __future__ import annotations

import click
from hansa import Model, hookimpl

from .settings import OtelSection


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[otel]`."""
    return {"otel": OtelSection}


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa otel`."""
    from .commands import otel

    commands.add_command(otel)
