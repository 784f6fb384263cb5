"""The admin service of runs: `admin.job.runs`."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, setting
from hansa_admin.operation import Operation

from .channel import ScheduleChannel
from .run_record import RunRecord
from .runner import Runner


class AskedRuns(Model):
    """Which runs to list."""

    name: Annotated[str, setting("Only of this job; empty for all jobs")] = ""
    runs: Annotated[int, setting("Maximum number of runs of each job", ge=1, le=1000)] = 20
    offset: Annotated[int, setting("Number of jobs to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of jobs", ge=1, le=10_000)] = 1000


class ListedRun(Model):
    """A run of a job, an attempt at one, or planned runs that were missed."""

    planned: Annotated[
        str, setting("Time for which it was planned, in ISO 8601, UTC; of missed runs, the first")
    ]
    until: Annotated[str, setting("Of several missed runs, the last planned time; else empty")]
    at: Annotated[
        float,
        setting("Time at which it began, or was found to be missed, in seconds of the Unix epoch"),
    ]
    outcome: Annotated[
        str,
        setting(
            "ok; the code of an error, or unexpected; missed: nothing could run it in time; lost: its "
            "worker ended before it did"
        ),
    ]
    ms: Annotated[float, setting("How long it took, in ms")]
    attempt: Annotated[int, setting("Number of the attempt, from 1")]
    by_hand: Annotated[bool, setting("Whether somebody had it run, besides the plan")]
    cid: Annotated[str, setting("Correlation id")]
    worker: Annotated[str, setting("Worker that ran it")]
    server: Annotated[str, setting("Server of that worker")]
    error: Annotated[str, setting("Error that ended it")]


class JobWithRuns(Model):
    """A job with its last runs."""

    name: Annotated[str, setting("Name of the job")]
    runs: Annotated[list[ListedRun], setting("Its runs, the newest first")]


class Runs(Model):
    """The last runs of jobs."""

    items: Annotated[list[JobWithRuns], setting("Jobs, by name")]
    total: Annotated[int, setting("Number of jobs on all pages")]


class JobRuns(Operation):
    """List the last runs of jobs: when they were planned and began, how they ended, and where they
    ran; what was missed is among them.
    """

    name = "admin.job.runs"
    right = "view"
    Input = AskedRuns
    Output = Runs

    def handle(self) -> Runs:
        """Return them; raises `NotFound`."""
        asked: AskedRuns = self.request.input
        definitions = self.server.definitions
        kind = ScheduleChannel.kind
        type = ScheduleChannel.type
        if asked.name:
            names = [definitions.get(kind, type, asked.name).name]
        else:
            names = [record.name for record in definitions.all(kind, type)]
        page = names[asked.offset : asked.offset + asked.limit]
        found = self.server.resource(Runner).ledger.runs(page)
        items = [
            JobWithRuns(name=name, runs=[listed(run) for run in found[name][: asked.runs]])
            for name in page
        ]
        return Runs(items=items, total=len(names))


def listed(run: RunRecord) -> ListedRun:
    """Return a run as it is shown."""
    return ListedRun(
        planned=run.planned,
        until=run.until,
        at=run.at,
        outcome=run.outcome,
        ms=run.ms,
        attempt=run.attempt,
        by_hand=run.by_hand,
        cid=run.cid,
        worker=run.worker,
        server=run.worker.partition("/")[0],
        error=run.error,
    )
