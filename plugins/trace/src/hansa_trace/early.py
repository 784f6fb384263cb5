"""The section `[trace]` of config.toml, and the commands for traces and logs."""

from __future__ import annotations

from typing import Annotated

import click
from hansa import Model, hookimpl, setting


class TraceSection(Model):
    """Traces of messages: `[trace]`."""

    enabled: Annotated[
        bool,
        setting("Keep the steps of messages, and pass on the trace of callers (W3C Trace Context)"),
    ] = True
    max_age: Annotated[
        float, setting("Hours for which the steps of messages are kept", gt=0, le=8760)
    ] = 24.0
    max_steps: Annotated[
        int,
        setting("Maximum number of steps that the cluster keeps", ge=1000, le=100_000_000),
    ] = 200_000


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[trace]`."""
    return {"trace": TraceSection}


@hookimpl
def hansa_transient_keys() -> list[str]:
    """Return the steps of messages, which are kept for a day or so."""
    return ["trace"]


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa trace` and `hansa log`."""
    from .commands import trace
    from .log_commands import log

    commands.add_command(trace)
    commands.add_command(log)
