"""What hansa-samples adds to workers and to the command line: a kind, a section, and commands."""

from __future__ import annotations

import click
from hansa import Definition, Model, hookimpl

from .kinds import Sampling
from .settings import SamplesSection


@hookimpl
def hansa_kinds() -> list[type[Definition]]:
    """Return the kind of samplings."""
    return [Sampling]


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[samples]`."""
    return {"samples": SamplesSection}


@hookimpl
def hansa_transient_keys() -> list[str]:
    """Return samples, in which messages stand in the clear."""
    return ["samples"]


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa sample`."""
    from .commands import sample

    commands.add_command(sample)
