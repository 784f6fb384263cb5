"""The section `[history]` of config.toml, and the commands of the history."""

from __future__ import annotations

from typing import Annotated

import click
from hansa import Invalid, Model, hookimpl, setting


class HistorySection(Model):
    """How far back the history reaches: `[history]`."""

    retention_days: Annotated[
        float,
        setting(
            "Days for which every change is kept; of older ones only the newest of each "
            "definition and file is kept, which is what was in force then. 0 keeps all for good",
            ge=0,
            le=36_525,
        ),
    ] = 1826.0

    source_versions: Annotated[
        int,
        setting(
            "Newest versions of each deployed file that are kept in any case; older ones are "
            "kept as long as a change names them, see retention_days",
            ge=1,
            le=10_000,
        ),
    ] = 20

    def check(self) -> None:
        """Refuse less than a day, raising `Invalid`: workers read in the log what they have missed."""
        if 0 < self.retention_days < 1:
            raise Invalid({"retention_days": "must be 0, or at least 1"})


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[history]`."""
    return {"history": HistorySection}


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa history`."""
    from .commands import history

    commands.add_command(history)
