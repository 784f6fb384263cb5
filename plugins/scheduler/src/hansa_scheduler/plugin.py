"""What hansa-scheduler adds to a worker: the type `channel schedule`, and the runner of its jobs."""

from __future__ import annotations

from hansa import Channel, Outgoing, Server, Service, StoredChange, hookimpl

from .channel import ScheduleChannel
from .early import SchedulerSection
from .ledger import Ledger
from .runner import Runner
from .services import JobRuns


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the channel."""
    return [ScheduleChannel]


@hookimpl
def hansa_startup(server: Server) -> Runner:
    """Return the runner of this worker's jobs; its threads start with the first job."""
    section = server.section(SchedulerSection)
    return Runner(
        Ledger(server), threads=section.threads, worker=server.id, kept_runs=section.kept_runs
    )


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin service of runs."""
    return [JobRuns]


@hookimpl
def hansa_stored(server: Server, change: StoredChange) -> None:
    """Drop the records of runs of jobs that are deleted."""
    for (kind, type, name), action in change.actions:
        if (kind, type, action) == (ScheduleChannel.kind, ScheduleChannel.type, "delete"):
            server.resource(Runner).ledger.forget_runs(name)


@hookimpl
def hansa_drain(server: Server) -> None:
    """Start no more jobs, and let those that run finish within the server's grace period."""
    server.resource(Runner).drain(server.grace)
