"""`admin.worker.*`: what the workers of the cluster do at the moment, thread by thread."""

from __future__ import annotations

from typing import Annotated, Any, Final

from hansa import Model, Server, WorkerAnswer, setting

from .answers import PlainData
from .operation import Nothing, Operation
from .profiling import profile
from .stacks import thread_stacks

LONGEST: Final = 60.0
"""Seconds that a profile takes at most."""
PATIENCE: Final = 10.0
"""Seconds for which the answer of a worker is waited for, besides what it was asked to take."""


class WorkerChoice(Model):
    """Which workers are asked."""

    worker: Annotated[
        str, setting("Worker to ask, as the status names it; empty for all of the cluster")
    ] = ""


class ProfileInput(WorkerChoice):
    """Which workers are asked, and for how long."""

    seconds: Annotated[
        float, setting("Seconds for which their threads are looked at", gt=0, le=LONGEST)
    ] = 5.0


class ProfileLength(Model):
    """How long a worker looks at itself."""

    seconds: Annotated[float, setting("Seconds", gt=0, le=LONGEST)] = 5.0


class OwnThreads(Operation):
    """Show what the threads of the worker that answers execute."""

    name = "admin.worker.own_threads"
    recorded = False
    right = "operate"
    Input = Nothing
    Output = PlainData

    def handle(self) -> PlainData:
        """Return them, each with its calls, the innermost first."""
        threads = [
            {
                "name": thread.name,
                "number": thread.number,
                "stack": [f"{frame.file}:{frame.line} {frame.function}" for frame in thread.frames],
            }
            for thread in thread_stacks()
        ]
        return {"threads": threads}


class OwnProfile(Operation):
    """Profile the worker that answers."""

    name = "admin.worker.own_profile"
    recorded = False
    right = "operate"
    runs_services = True
    Input = ProfileLength
    Output = PlainData

    def handle(self) -> PlainData:
        """Return what used the processor."""
        found = profile(self.request.input.seconds)
        return {"looks": found.looks, "functions": found.functions(), "stacks": found.folded()}


class WorkerThreads(Operation):
    """Show what each thread of the workers executes at the moment: what a hung service waits for."""

    name = "admin.worker.threads"
    right = "operate"
    Input = WorkerChoice
    Output = PlainData

    def handle(self) -> PlainData:
        """Return the threads of each worker; one that did not answer says so."""
        workers = _wanted(self.server, self.request.input.worker)
        answers = self.server.invoke_on(workers, OwnThreads.name, {}, timeout=PATIENCE)
        return {"workers": {name: _shown(answer) for name, answer in answers.items()}}


class WorkerProfile(Operation):
    """Show which functions of the workers use the processor, over some seconds."""

    name = "admin.worker.profile"
    right = "operate"
    runs_services = True
    Input = ProfileInput
    Output = PlainData

    def handle(self) -> PlainData:
        """Return functions and stacks of each worker, what used most first."""
        asked: ProfileInput = self.request.input
        answers = self.server.invoke_on(
            _wanted(self.server, asked.worker),
            OwnProfile.name,
            {"seconds": asked.seconds},
            timeout=asked.seconds + PATIENCE,
        )
        return {"workers": {name: _shown(answer) for name, answer in answers.items()}}


def _wanted(server: Server, worker: str) -> list[str]:
    return [worker] if worker else sorted(server.cluster.reports())


def _shown(answer: WorkerAnswer) -> dict[str, Any]:
    if answer.error is not None:
        return {"error": answer.error.detail}
    return {"pid": answer.pid, **answer.payload}


OPERATIONS: Final[tuple[type[Operation], ...]] = (
    OwnThreads,
    OwnProfile,
    WorkerThreads,
    WorkerProfile,
)
