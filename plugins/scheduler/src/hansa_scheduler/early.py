"""The section `[scheduler]` of config.toml, and the command of jobs."""

from __future__ import annotations

from typing import Annotated

import click
from hansa import Model, hookimpl, setting


class SchedulerSection(Model):
    """How jobs are run: `[scheduler]`."""

    threads: Annotated[
        int,
        setting(
            "Maximum number of jobs that one worker runs at the same time; others wait for a free thread",
            ge=1,
            le=256,
        ),
    ] = 16
    kept_runs: Annotated[
        int, setting("Number of runs that are kept of each job, with their outcomes", ge=1, le=1000)
    ] = 20


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[scheduler]`."""
    return {"scheduler": SchedulerSection}


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa job`."""
    from .commands import job

    commands.add_command(job)
