"""What hansa-scheduler adds to a worker: the type `channel schedule`."""

from __future__ import annotations

from typing import Any

from hansa import hookimpl

from .channel import ScheduleChannel
from .runner import Runner


@hookimpl
def hansa_transports() -> list[type]:
    """Give the channel."""
    return [ScheduleChannel]


@hookimpl
def hansa_drain(server: Any) -> None:
    """Start no job any more, and let those that run come to their end, for the server's time of grace."""
    runner = Runner.existing(server)
    if runner is not None:
        runner.drain(server.grace)


@hookimpl
def hansa_shutdown(server: Any) -> None:
    """Forget the runner, whose jobs are stopped."""
    Runner.forget(server)
