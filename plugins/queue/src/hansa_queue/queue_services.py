"""The admin services of the queue itself: `admin.queue.{status,list}`."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Literal

from hansa import Model, PlainSettings, setting
from hansa_admin.operation import Nothing, Operation

from .patterns import queue_of
from .waiting import Wanted, queued_calls


class QueueConditions(Model):
    """Which calls in the queue are meant."""

    cid: Annotated[str, setting("Only those of this correlation id")] = ""
    service: Annotated[str, setting("Only of this service")] = ""
    state: Annotated[
        Literal["", "waiting", "running", "delayed"], setting("Only in this state")
    ] = ""
    offset: Annotated[int, setting("Number of calls to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of calls", ge=1, le=10_000)] = 100


class QueuedMessage(Model):
    """A call in the queue."""

    state: Annotated[str, setting("waiting, running or delayed")]
    service: Annotated[str, setting("Service to call")]
    cid: Annotated[str, setting("Correlation id")]
    parent_cid: Annotated[
        str, setting("Correlation id of the message whose service queued it, if any")
    ]
    in_reply_to: Annotated[
        str, setting("Correlation id of the call that it answers, for a callback")
    ]
    attempt: Annotated[int, setting("Number of the attempt that comes next, or runs")]
    at: Annotated[float, setting("When it was queued, in seconds of the Unix epoch")]
    due: Annotated[
        float | None, setting("When a delayed one may run, in seconds of the Unix epoch")
    ]
    worker: Annotated[str, setting("Reading thread of a worker that runs it")]


class QueueContent(Model):
    """Calls in the queue."""

    items: Annotated[list[QueuedMessage], setting("The calls, the oldest first, delayed ones last")]
    complete: Annotated[
        bool, setting("Whether these are all: else there are more, or they take over a second")
    ]


class QueueStatus(Operation):
    """Show the queue of asynchronous calls: how many wait, run and failed, and how durable Redis
    is.
    """

    name = "admin.queue.status"
    right = "view"
    Input = Nothing
    Output = PlainSettings

    def handle(self) -> PlainSettings:
        """Return the status, and when it was taken."""
        return {**queue_of(self.server).status(), "at": time.time()}


class QueueListing(Operation):
    """List the asynchronous calls that wait, run or are delayed, without what they carry."""

    name = "admin.queue.list"
    right = "view"
    Input = QueueConditions
    Output = QueueContent

    def handle(self) -> PlainSettings:
        """Return the calls."""
        asked: QueueConditions = self.request.input
        wanted = Wanted(asked.cid, asked.service, asked.state)
        store = queue_of(self.server).store
        calls, complete = queued_calls(store, wanted, asked.limit, asked.offset)
        return {"items": [asdict(call) for call in calls], "complete": complete}


OPERATIONS: tuple[type[Operation], ...] = (QueueStatus, QueueListing)
