"""The admin services of failed messages:
`admin.failed.{list,groups,get,edit,replay,delete,export}`, `admin.queue.status`.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

import msgspec
from hansa import Invalid, Model, PlainSettings, setting
from hansa_admin.operation import Nothing, Operation

from .failed import FailedMessages, Selection
from .patterns import queue_of
from .waiting import Wanted, queued_calls


class Conditions(Model):
    """Which failed messages are meant: those that meet all conditions."""

    service: Annotated[str, setting("Only of this service", example="orders.place")] = ""
    cause: Annotated[
        str, setting("Only those whose cause contains this text, in upper or lower case")
    ] = ""
    group: Annotated[str, setting("Only of this group, as admin.failed.groups names it")] = ""
    cid: Annotated[str, setting("Only those of this correlation id")] = ""
    since: Annotated[
        float | None, setting("Only those that failed then or later, in seconds of the Unix epoch")
    ] = None
    until: Annotated[
        float | None, setting("Only those that failed then or before, in seconds of the Unix epoch")
    ] = None

    def selection(self, ids: list[str] | None = None) -> Selection:
        """Return the conditions as the store takes them."""
        return Selection(
            ids, self.service, self.cause, self.group, self.cid, self.since, self.until
        )


class Page(Conditions):
    """A part of the failed messages, the latest first."""

    offset: Annotated[int, setting("Number of messages to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of messages", ge=1, le=10_000)] = 100


class SelectedMessages(Conditions):
    """The failed messages that something is done with: by id, by conditions, or all."""

    ids: Annotated[
        list[str], setting("Ids of the messages; conditions given besides must hold, too")
    ] = []
    all: Annotated[bool, setting("All of them, where neither ids nor conditions are given")] = False

    def check(self) -> None:
        """Refuse a request that names nothing, so that a slip does not mean everything; raises
        `Invalid`.
        """
        if not self.ids and not self.all and self.selection() == Selection():
            raise Invalid({"ids": "give ids, or conditions, or all"})

    def find(self, failed: FailedMessages) -> tuple[list[str], list[str]]:
        """Return the ids of the messages that are there, and those asked for that are not."""
        unique = list(dict.fromkeys(self.ids))
        found = [identifier for identifier, _ in failed.find(self.selection(unique or None))]
        there = set(found)
        return found, [identifier for identifier in self.ids if identifier not in there]


class ReplayRequest(SelectedMessages):
    """The messages to replay, and what to change in one before."""

    payload: Annotated[Any, setting("Payload to replay one message with, in place of its own")] = (
        msgspec.UNSET
    )

    def check(self) -> None:
        """Refuse a payload for several messages; raises `Invalid`."""
        super().check()
        if self.payload is not msgspec.UNSET and len(self.ids) != 1:
            raise Invalid({"payload": "may be given for one id only"})


class MessageId(Model):
    """A failed message, by id."""

    id: Annotated[str, setting("Id of the message", example="1763770000000-0", min_length=1)]


class EditRequest(MessageId):
    """What to change in a failed message; what is not given stays."""

    payload: Annotated[Any, setting("New payload")] = msgspec.UNSET
    extra: Annotated[PlainSettings | None, setting("New extra values, such as headers")] = None
    service: Annotated[str, setting("Another service to call", refers="service")] = ""


class FailedBrief(Model):
    """A failed message in the list."""

    id: Annotated[str, setting("Its id")]
    service: Annotated[str, setting("Service that was called")]
    cid: Annotated[str, setting("Correlation id")]
    cause: Annotated[str, setting("Type and text of the last error")]
    group: Annotated[str, setting("Group of the messages with the same cause")]
    attempts: Annotated[int, setting("Number of attempts")]
    worker: Annotated[str, setting("Worker of the last attempt")]
    created: Annotated[float, setting("When it was accepted, in seconds of the Unix epoch")]
    at: Annotated[float, setting("When it failed, in seconds of the Unix epoch")]


class FailedAttempt(Model):
    """One line of the history of a message."""

    at: Annotated[float, setting("When, in seconds of the Unix epoch")]
    cause: Annotated[str, setting("The error, or the change that was made by hand")]
    attempt: Annotated[int, setting("Number of the attempt; 0 for a change made by hand")] = 0
    worker: Annotated[str, setting("Worker that made the attempt")] = ""


class FailedMessage(FailedBrief):
    """A failed message in full."""

    payload: Annotated[Any, setting('Its input; bytes come as {"$base64": ...}')]
    extra: Annotated[PlainSettings, setting("Extra values that came with it, such as headers")]
    callback: Annotated[list[str], setting("Services that are called with the answer")]
    in_reply_to: Annotated[
        str, setting("Correlation id of the call that this one answers, for a callback")
    ]
    parent_cid: Annotated[
        str, setting("Correlation id of the message whose service queued this one, if any")
    ]
    traceback: Annotated[str, setting("Traceback of the last error")]
    history: Annotated[list[FailedAttempt], setting("Every attempt, the first one first")]


class FailedList(Model):
    """A page of failed messages."""

    items: Annotated[list[FailedBrief], setting("The messages, the latest first")]
    total: Annotated[int, setting("Total number, on all pages")]


class FailedGroup(Model):
    """Failed messages with one cause."""

    group: Annotated[str, setting("Name of the group")]
    service: Annotated[str, setting("Service that was called")]
    cause: Annotated[str, setting("The cause, with * for what differs between messages")]
    count: Annotated[int, setting("Number of messages")]
    first: Annotated[float, setting("When the first failed, in seconds of the Unix epoch")]
    last: Annotated[float, setting("When the last failed, in seconds of the Unix epoch")]
    latest: Annotated[str, setting("Id of the latest message")]


class FailedGroups(Model):
    """The causes of failure."""

    items: Annotated[list[FailedGroup], setting("The groups, the largest first")]
    total: Annotated[int, setting("Number of groups")]


class FailedReplayed(Model):
    """The result of a replay."""

    replayed: Annotated[int, setting("Number of messages that went back into the queue")]
    left: Annotated[int, setting("Number of messages that stay failed, since the queue is full")]
    missing: Annotated[
        list[str], setting("Ids asked for that are not there: already replayed, or deleted")
    ]


class FailedDeleted(Model):
    """The result of a deletion."""

    deleted: Annotated[int, setting("Number of messages that were deleted")]
    missing: Annotated[list[str], setting("Ids asked for that are not there")]


class FailedExport(Model):
    """Failed messages for another program."""

    lines: Annotated[str, setting("JSON lines: each message as admin.failed.get shows it")]
    count: Annotated[int, setting("Number of messages in `lines`")]
    total: Annotated[int, setting("Total number, on all pages")]


class QueueConditions(Model):
    """Which calls in the queue are meant."""

    cid: Annotated[str, setting("Only those of this correlation id")] = ""
    service: Annotated[str, setting("Only of this service")] = ""
    state: Annotated[
        Literal["", "waiting", "running", "delayed"], setting("Only in this state")
    ] = ""
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


class FailedOperation(Operation):
    """Base of the operations on failed messages."""

    abstract = True

    @property
    def failed(self) -> FailedMessages:
        """The failed messages of the cluster; raises `Unavailable` where there is no queue."""
        return queue_of(self.server).failed


class FailedListing(FailedOperation):
    """List the messages that ran out of attempts, the latest first."""

    name = "admin.failed.list"
    right = "view"
    Input = Page
    Output = FailedList

    def handle(self) -> PlainSettings:
        """Return a page of the list."""
        page: Page = self.request.input
        found = list(self.failed.find(page.selection()))
        items = []
        for identifier, brief in found[page.offset : page.offset + page.limit]:
            items.append({"id": identifier, **msgspec.to_builtins(brief)})
        return {"items": items, "total": len(found)}


class FailedGrouping(FailedOperation):
    """Group the failed messages by service and cause, the largest group first."""

    name = "admin.failed.groups"
    right = "view"
    Input = Conditions
    Output = FailedGroups

    def handle(self) -> PlainSettings:
        """Return the groups."""
        conditions: Conditions = self.request.input
        groups = self.failed.groups(conditions.selection())
        return {"items": msgspec.to_builtins(groups), "total": len(groups)}


class FailedGet(FailedOperation):
    """Show one failed message: its input, cause, traceback and history."""

    name = "admin.failed.get"
    right = "payloads"
    Input = MessageId
    Output = FailedMessage

    def handle(self) -> PlainSettings:
        """Return the message."""
        return self.failed.get(self.request.input.id)


class FailedEdit(FailedOperation):
    """Change the payload, the extra values or the service of a failed message, which stays where it
    is.
    """

    name = "admin.failed.edit"
    right = "invoke"
    Input = EditRequest
    Output = FailedMessage

    def handle(self) -> PlainSettings:
        """Return the changed message."""
        edit: EditRequest = self.request.input
        changes: PlainSettings = {}
        if edit.payload is not msgspec.UNSET:
            changes["payload"] = edit.payload
        if edit.extra is not None:
            changes["extra"] = edit.extra
        if edit.service:
            self.server.registry.service(edit.service)
            changes["service"] = edit.service
        if not changes:
            raise Invalid({"payload": "give a payload, extra values or a service"})
        return self.failed.edit(edit.id, changes, self.caller)


class FailedReplay(FailedOperation):
    """Put failed messages back into the queue, for the services as they are now; each goes once."""

    name = "admin.failed.replay"
    right = "operate"
    Input = ReplayRequest
    Output = FailedReplayed

    def handle(self) -> PlainSettings:
        """Return how many went back."""
        request: ReplayRequest = self.request.input
        ids, missing = request.find(self.failed)
        if ids and request.payload is not msgspec.UNSET:
            self.failed.edit(ids[0], {"payload": request.payload}, self.caller)
        done = self.failed.replay(ids)
        self.log.info("%s replayed %s failed messages", self.caller or "somebody", done.replayed)
        return {"replayed": done.replayed, "left": done.left, "missing": [*missing, *done.missing]}


class FailedDelete(FailedOperation):
    """Delete failed messages for good."""

    name = "admin.failed.delete"
    final = "always"
    Input = SelectedMessages
    Output = FailedDeleted

    def handle(self) -> PlainSettings:
        """Return how many were deleted."""
        request: SelectedMessages = self.request.input
        ids, missing = request.find(self.failed)
        deleted = self.failed.delete(ids)
        self.log.warning("%s deleted %s failed messages", self.caller or "somebody", deleted)
        return {"deleted": deleted, "missing": missing}


class FailedExporting(FailedOperation):
    """Return failed messages as JSON lines, the latest first."""

    name = "admin.failed.export"
    right = "payloads"
    Input = Page
    Output = FailedExport

    def handle(self) -> PlainSettings:
        """Return a page of them."""
        page: Page = self.request.input
        ids = [identifier for identifier, _ in self.failed.find(page.selection())]
        messages = list(self.failed.get_many(ids[page.offset : page.offset + page.limit]))
        lines = b"".join(msgspec.json.encode(message) + b"\n" for message in messages)
        return {"lines": lines.decode(), "count": len(messages), "total": len(ids)}


class QueueStatus(FailedOperation):
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


class QueueListing(FailedOperation):
    """List the asynchronous calls that wait, run or are delayed, without what they carry."""

    name = "admin.queue.list"
    right = "view"
    Input = QueueConditions
    Output = QueueContent

    def handle(self) -> PlainSettings:
        """Return the calls."""
        asked: QueueConditions = self.request.input
        wanted = Wanted(asked.cid, asked.service, asked.state)
        calls, complete = queued_calls(self.failed.store, wanted, asked.limit)
        return {"items": [asdict(call) for call in calls], "complete": complete}


OPERATIONS: tuple[type[Operation], ...] = (
    FailedListing,
    FailedGrouping,
    FailedGet,
    FailedEdit,
    FailedReplay,
    FailedDelete,
    FailedExporting,
    QueueStatus,
    QueueListing,
)
