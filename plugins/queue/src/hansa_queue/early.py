"""The section `[queue]` of config.toml, and the commands for failed messages."""

from __future__ import annotations

from typing import Annotated

import click
from hansa import Invalid, Model, hookimpl, setting


class QueueSection(Model):
    """Asynchronous invocation: `[queue]`."""

    async_threads: Annotated[
        int, setting("Threads in each worker for asynchronous calls", ge=1, le=256)
    ] = 4
    max_queued: Annotated[
        int, setting("Maximum number of waiting calls; more are refused with 503", ge=1)
    ] = 100_000
    max_attempts: Annotated[
        int,
        setting("Maximum attempts before a call is put with the failed messages", ge=1, le=1000),
    ] = 5
    first_delay: Annotated[
        float,
        setting(
            "Seconds before the second attempt; the pause doubles each time, plus or minus 20 %",
            gt=0,
        ),
    ] = 1.0
    last_delay: Annotated[float, setting("Maximum pause between attempts, in seconds", gt=0)] = 60.0
    lease: Annotated[
        float,
        setting(
            "Seconds without a heartbeat after which another worker takes over a call; must be "
            "the same on all servers",
            ge=1,
            le=3600,
            advanced=True,
        ),
    ] = 15.0
    replay_days: Annotated[
        float, setting("Days for which replays that have ended are kept", gt=0, le=3650)
    ] = 30.0

    failed_days: Annotated[
        float,
        setting(
            "Days after which failed messages are deleted, which is logged; 0 keeps them for good",
            ge=0,
            le=36_525,
        ),
    ] = 366.0

    def check(self) -> None:
        """Refuse a maximum pause that is shorter than the first one; raises `Invalid`."""
        if self.last_delay < self.first_delay:
            raise Invalid({"last_delay": "must not be less than first_delay"})


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[queue]`."""
    return {"queue": QueueSection}


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa failed`, `hansa replay` and `hansa queue`."""
    from .commands import failed
    from .queue_commands import queue
    from .replay_commands import replay

    for group in (failed, queue, replay):
        commands.add_command(group)
