"""The admin service of traces: `admin.message.trace`."""

from __future__ import annotations

from typing import Annotated

from hansa import HansaError, Model, NotFound, PlainSettings, Server, Undefined, setting
from hansa_admin.operation import Operation

from .timeline import MOST_STEPS, Step, Steps, find, in_order, related
from .traces import Traces

MOST_FAILED = 100
QUEUE = "admin.queue.list"
FAILED = "admin.failed.list"


class AskedTrace(Model):
    """A message."""

    cid: Annotated[
        str,
        setting(
            "Its correlation id, or the id of its trace (W3C Trace Context)",
            example="K00C0FFEE00C0FFEE00C0FFEE00C",
            min_length=1,
            max_length=200,
        ),
    ]


class TracedStep(Model):
    """A step of a message."""

    kind: Annotated[
        str,
        setting(
            "channel, invoke (from service to service), async (a call of the queue), or outgoing"
        ),
    ]
    name: Annotated[str, setting("Channel or connection, with its type; else empty")]
    service: Annotated[str, setting("Service that was called; empty for an outgoing connection")]
    server: Annotated[str, setting("Server that carried it out")]
    worker: Annotated[str, setting("Worker that carried it out")]
    began: Annotated[float, setting("When it began, in seconds of the Unix epoch")]
    ms: Annotated[float, setting("How long it took, in milliseconds")]
    outcome: Annotated[str, setting("ok, or the code of its error")]
    attempt: Annotated[int, setting("Number of the attempt, of an asynchronous call")]
    depth: Annotated[int, setting("Number of known steps above it")]
    cid: Annotated[str, setting("Correlation id")]
    parent_cid: Annotated[
        str, setting("Correlation id of the message that queued it, of an asynchronous call")
    ]
    in_reply_to: Annotated[
        str, setting("Correlation id of the call that it answers, of a callback")
    ]
    trace: Annotated[str, setting("Id of the trace")]
    span: Annotated[str, setting("Id of the step")]
    parent: Annotated[str, setting("Id of the step above it; empty if it is the first")]


class MessageSteps(Model):
    """Where a message was, and is."""

    items: Annotated[
        list[TracedStep], setting("Its steps: each before those below it, in the order of time")
    ]
    waiting: Annotated[
        list[PlainSettings],
        setting(
            "Its asynchronous calls that wait, run or are delayed, as admin.queue.list has them"
        ),
    ]
    failed: Annotated[
        list[PlainSettings], setting("Its failed messages, as admin.failed.list has them")
    ]
    servers: Annotated[list[str], setting("Servers that carried out steps")]
    related: Annotated[list[str], setting("Other correlation ids of the same trace")]
    traces: Annotated[list[str], setting("Ids of its traces")]
    reaches: Annotated[
        float | None, setting("Since when steps are kept, in seconds of the Unix epoch")
    ]
    missing: Annotated[list[str], setting("What could not be asked, or is not there any more")]


class MessageTrace(Operation):
    """Show where a message was and is: its steps on all servers, by correlation id or trace id."""

    name = "admin.message.trace"
    right = "view"
    Input = AskedTrace
    Output = MessageSteps

    def handle(self) -> MessageSteps:
        """Return the steps, and what the queue has of the message."""
        cid: str = self.request.input.cid
        missing: list[str] = []
        steps = self._steps(cid, missing)
        ordered = in_order(steps)
        waiting: list[PlainSettings] = []
        failed: list[PlainSettings] = []
        for one in own_cids(ordered, cid):
            waiting += ask_queue(self.server, QUEUE, one, missing)
            failed += ask_queue(self.server, FAILED, one, missing)
        return MessageSteps(
            items=[shown(step) for step in ordered],
            waiting=waiting,
            failed=failed,
            servers=sorted({server_of(step.worker) for step in ordered}),
            related=related(ordered, cid),
            traces=sorted({step.hop.trace for step in ordered}),
            reaches=steps.reaches,
            missing=list(dict.fromkeys(missing)),
        )

    def _steps(self, cid: str, missing: list[str]) -> Steps:
        """Return the steps that are kept; notes what keeps them from being complete."""
        tracing = self.server.resource(Traces).tracing
        if not tracing.section.enabled:
            missing.append("steps are not kept here: [trace] enabled is false")
        try:
            steps = find(tracing.store.texts(), cid)
        except Exception as error:
            missing.append(f"the steps could not be read: {error}")
            return Steps()
        if steps.unreadable:
            missing.append("some steps were written by another version, and cannot be read")
        if not steps.whole:
            missing.append(f"not all steps were looked at, or there are more than {MOST_STEPS}")
        return steps


def own_cids(steps: list[Step], name: str) -> list[str]:
    """Return the correlation ids to ask the queue for: the one asked for, or those of a trace."""
    found = {step.hop.cid for step in steps if step.hop.trace == name}
    return sorted(found)[:MOST_FAILED] if found else [name]


def ask_queue(server: Server, service: str, cid: str, missing: list[str]) -> list[PlainSettings]:
    """Return what the queue has of a message; nothing where there is no queue."""
    if server.queue is None:
        return []
    try:
        answer: PlainSettings = server.invoke(service, {"cid": cid, "limit": MOST_FAILED})
    except (Undefined, NotFound):
        return []
    except HansaError as error:
        missing.append(f"the queue could not be asked: {error.detail}")
        return []
    if answer.get("complete") is False:
        missing.append("the queue is too long to be looked through")
    found: list[PlainSettings] = answer["items"]
    return found


def server_of(worker: str) -> str:
    """Return the name of a worker's server."""
    return worker.rpartition("/")[0]


def shown(step: Step) -> TracedStep:
    """Return a step as it is shown."""
    hop = step.hop
    return TracedStep(
        kind=hop.place.kind,
        name=hop.place.name,
        service=hop.place.service,
        server=server_of(step.worker),
        worker=step.worker,
        began=hop.began,
        ms=hop.ms,
        outcome=hop.outcome,
        attempt=hop.queued.attempt,
        depth=step.depth,
        cid=hop.cid,
        parent_cid=hop.queued.parent_cid,
        in_reply_to=hop.queued.in_reply_to,
        trace=hop.trace,
        span=hop.span,
        parent=hop.parent,
    )
