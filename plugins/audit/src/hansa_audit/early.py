"""The section `[audit]` of config.toml, and the commands of the audit log."""

from __future__ import annotations

from typing import Annotated

import click
from hansa import Model, hookimpl, setting


class AuditSection(Model):
    """The audit log: `[audit]`."""

    retention_days: Annotated[
        float,
        setting("Days for which records are kept; 0 keeps them for good", ge=0, le=36_525),
    ] = 400.0
    required: Annotated[
        bool,
        setting(
            "Whether an action is refused (503) that cannot be recorded; each action then has a "
            "record before it begins and another one of its outcome. Otherwise the log says what "
            "could not be recorded, and the action is done"
        ),
    ] = False
    payload_reads: Annotated[
        bool, setting("Whether it is recorded who looked at the payloads of messages")
    ] = True
    reads: Annotated[
        bool, setting("Whether calls that only show something are recorded, too", advanced=True)
    ] = False


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[audit]`."""
    return {"audit": AuditSection}


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa audit`."""
    from .commands import audit

    commands.add_command(audit)
