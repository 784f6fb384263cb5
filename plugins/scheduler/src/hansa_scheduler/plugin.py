"""What hansa-scheduler adds to a worker: the type `channel schedule`, and the runner of its jobs."""

from __future__ import annotations

from hansa import Channel, Outgoing, Server, hookimpl

from .channel import ScheduleChannel
from .early import SchedulerSection
from .ledger import Ledger
from .runner import Runner


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the channel."""
    return [ScheduleChannel]


@hookimpl
def hansa_startup(server: Server) -> Runner:
    """Return the runner of this worker's jobs; its threads start with the first job."""
    return Runner(Ledger(server), threads=server.section(SchedulerSection).threads)


@hookimpl
def hansa_drain(server: Server) -> None:
    """Start no more jobs, and let those that run finish within the server's grace period."""
    server.resource(Runner).drain(server.grace)
