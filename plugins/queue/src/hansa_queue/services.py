"""The admin services of failed messages: `admin.failed.{list,groups,get,edit,replay,delete,export}`, `admin.queue.status`."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
from hansa import Invalid, Model, Server, Unavailable, setting
from hansa_admin.operation import Nothing, Operation

from .failed import Choice, FailedMessages
from .queue import RedisQueue


class Conditions(Model):
    """Which failed messages are meant: those that satisfy all conditions."""

    service: Annotated[str, setting("Only of this service", example="orders.place")] = ""
    cause: Annotated[
        str, setting("Only those whose cause contains this text, in upper or lower case")
    ] = ""
    group: Annotated[str, setting("Only of this group, as admin.failed.groups names it")] = ""
    since: Annotated[
        float | None, setting("Only those that failed then or later, in seconds of the Unix epoch")
    ] = None
    until: Annotated[
        float | None, setting("Only those that failed then or before, in seconds of the Unix epoch")
    ] = None

    def choice(self, ids: list[str] | None = None) -> Choice:
        """The same as the store takes it."""
        return Choice(ids, self.service, self.cause, self.group, self.since, self.until)


class Page(Conditions):
    """A part of the failed messages, the latest first."""

    offset: Annotated[int, setting("How many to pass over", ge=0)] = 0
    limit: Annotated[int, setting("At most so many", ge=1, le=10_000)] = 100


class Meant(Conditions):
    """The failed messages that something is done with: by id, by conditions, or all."""

    ids: Annotated[
        list[str], setting("Ids of the messages; conditions given besides must hold, too")
    ] = []
    all: Annotated[bool, setting("All of them, where neither ids nor conditions are given")] = False

    def check(self) -> None:
        """Something must be said, lest a slip of the hand means everything; raises `Invalid`."""
        if not self.ids and not self.all and self.choice() == Choice():
            raise Invalid({"ids": "give ids, or conditions, or all"})

    def meant(self, failed: FailedMessages) -> tuple[list[str], list[str]]:
        """The ids of the messages that are there, and those asked for that are not."""
        found = [
            identifier
            for identifier, _ in failed.find(self.choice(list(dict.fromkeys(self.ids)) or None))
        ]
        there = set(found)
        return found, [identifier for identifier in self.ids if identifier not in there]


class Replay(Meant):
    """The messages to replay, and what to change of one before."""

    payload: Annotated[Any, setting("Payload to replay one message with, in place of its own")] = (
        msgspec.UNSET
    )

    def check(self) -> None:
        """A payload is for one message; raises `Invalid`."""
        super().check()
        if self.payload is not msgspec.UNSET and len(self.ids) != 1:
            raise Invalid({"payload": "may be given for one id only"})


class Identifier(Model):
    """A failed message, by id."""

    id: Annotated[str, setting("Id of the message", example="1763770000000-0", min_length=1)]


class Edit(Identifier):
    """What to change of a failed message; what is not given stays."""

    payload: Annotated[Any, setting("New payload")] = msgspec.UNSET
    extra: Annotated[dict[str, Any] | None, setting("New extra values, such as headers")] = None
    service: Annotated[str, setting("Another service to call", refers="service")] = ""


class FailedBrief(Model):
    """A failed message in the list."""

    id: Annotated[str, setting("Its id")]
    service: Annotated[str, setting("Service that was called")]
    cid: Annotated[str, setting("Correlation id")]
    cause: Annotated[str, setting("Type and text of the last error")]
    group: Annotated[str, setting("Group of the messages with the same cause")]
    attempts: Annotated[int, setting("How often it was tried")]
    worker: Annotated[str, setting("Worker that gave it up")]
    created: Annotated[float, setting("When it was accepted, in seconds of the Unix epoch")]
    at: Annotated[float, setting("When it failed, in seconds of the Unix epoch")]


class FailedAttempt(Model):
    """One line of the history of a message."""

    at: Annotated[float, setting("When, in seconds of the Unix epoch")]
    cause: Annotated[str, setting("What went wrong, or what was done by hand")]
    attempt: Annotated[int, setting("Number of the attempt; 0 for what was done by hand")] = 0
    worker: Annotated[str, setting("Worker that tried")] = ""


class FailedMessage(FailedBrief):
    """All that is known of a failed message."""

    payload: Annotated[Any, setting('Its input; bytes come as {"$base64": ...}')]
    extra: Annotated[dict[str, Any], setting("Extra values that came with it, such as headers")]
    callback: Annotated[list[str], setting("Services that are called with the answer")]
    in_reply_to: Annotated[
        str, setting("Correlation id of the call that this one answers, for a callback")
    ]
    traceback: Annotated[str, setting("Traceback of the last error")]
    history: Annotated[list[FailedAttempt], setting("Every attempt, the first one first")]


class FailedList(Model):
    """A page of failed messages."""

    items: Annotated[list[FailedBrief], setting("The messages, the latest first")]
    total: Annotated[int, setting("How many there are, on all pages")]


class FailedGroup(Model):
    """Failed messages with one cause."""

    group: Annotated[str, setting("Name of the group")]
    service: Annotated[str, setting("Service that was called")]
    cause: Annotated[str, setting("The cause, with * for what differs between messages")]
    count: Annotated[int, setting("How many messages")]
    first: Annotated[float, setting("When the first failed, in seconds of the Unix epoch")]
    last: Annotated[float, setting("When the last failed, in seconds of the Unix epoch")]
    latest: Annotated[str, setting("Id of the latest message")]


class FailedGroups(Model):
    """The causes of failure."""

    items: Annotated[list[FailedGroup], setting("The groups, the largest first")]
    total: Annotated[int, setting("How many groups there are")]


class FailedReplayed(Model):
    """What a replay did."""

    replayed: Annotated[int, setting("Messages that went back into the queue")]
    left: Annotated[
        int, setting("Messages that stay failed, since the queue has no room for them now")
    ]
    missing: Annotated[
        list[str], setting("Ids asked for that were not there: replayed already, or deleted")
    ]


class FailedDeleted(Model):
    """What a deletion did."""

    deleted: Annotated[int, setting("Messages that are gone for good")]
    missing: Annotated[list[str], setting("Ids asked for that were not there")]


class FailedExport(Model):
    """Failed messages for another program."""

    lines: Annotated[str, setting("JSON lines: each message as admin.failed.get shows it")]
    count: Annotated[int, setting("How many")]
    total: Annotated[int, setting("How many there are, on all pages")]


def queue_of(server: Server) -> RedisQueue:
    """Return the queue of a worker; raises `Unavailable` where there is none."""
    found = server.queue
    if not isinstance(found, RedisQueue):
        raise Unavailable("failed messages need the queue of hansa-queue, and Redis")
    return found


class OnFailed(Operation):
    """An operation on failed messages."""

    abstract = True

    @property
    def failed(self) -> FailedMessages:
        """The failed messages of the cluster."""
        return queue_of(self.server).failed


class FailedListing(OnFailed):
    """List the messages that ran out of attempts, the latest first."""

    name, Input, Output = "admin.failed.list", Page, FailedList

    def handle(self) -> Any:
        asked = self.request.input
        found = list(self.failed.find(asked.choice()))
        page = found[asked.offset : asked.offset + asked.limit]
        return {
            "items": [{"id": i, **msgspec.to_builtins(brief)} for i, brief in page],
            "total": len(found),
        }


class FailedGrouping(OnFailed):
    """Group the failed messages by service and cause, the largest group first."""

    name, Input, Output = "admin.failed.groups", Conditions, FailedGroups

    def handle(self) -> Any:
        groups = self.failed.groups(self.request.input.choice())
        return {"items": groups, "total": len(groups)}


class FailedGet(OnFailed):
    """Show one failed message: its input, cause, traceback and history."""

    name, Input, Output = "admin.failed.get", Identifier, FailedMessage

    def handle(self) -> Any:
        return self.failed.get(self.request.input.id)


class FailedEdit(OnFailed):
    """Change the payload, the extra values or the service of a failed message, which stays where it is."""

    name, Input, Output = "admin.failed.edit", Edit, FailedMessage

    def handle(self) -> Any:
        asked = self.request.input
        given = {"extra": asked.extra, "service": asked.service or None}
        changes = {name: value for name, value in given.items() if value is not None}
        if asked.payload is not msgspec.UNSET:
            changes["payload"] = asked.payload
        if not changes:
            raise Invalid({"payload": "give a payload, extra values or a service"})
        if asked.service:
            self.server.registry.service(asked.service)
        return self.failed.edit(asked.id, changes, self.caller)


class FailedReplay(OnFailed):
    """Put failed messages back into the queue, to be handled by the services as they are now; each goes once."""

    name, Input, Output = "admin.failed.replay", Replay, FailedReplayed

    def handle(self) -> Any:
        asked = self.request.input
        ids, missing = asked.meant(self.failed)
        if ids and asked.payload is not msgspec.UNSET:
            self.failed.edit(ids[0], {"payload": asked.payload}, self.caller)
        done = self.failed.replay(ids)
        self.log.info("%s replayed %s failed messages", self.caller or "somebody", done.replayed)
        return {"replayed": done.replayed, "left": done.left, "missing": [*missing, *done.missing]}


class FailedDelete(OnFailed):
    """Delete failed messages for good."""

    name, Input, Output = "admin.failed.delete", Meant, FailedDeleted

    def handle(self) -> Any:
        ids, missing = self.request.input.meant(self.failed)
        deleted = self.failed.delete(ids)
        self.log.warning("%s deleted %s failed messages", self.caller or "somebody", deleted)
        return {"deleted": deleted, "missing": missing}


class FailedExporting(OnFailed):
    """Give failed messages as JSON lines, the latest first."""

    name, Input, Output = "admin.failed.export", Page, FailedExport

    def handle(self) -> Any:
        asked = self.request.input
        ids = [identifier for identifier, _ in self.failed.find(asked.choice())]
        page = list(self.failed.get_many(ids[asked.offset : asked.offset + asked.limit]))
        lines = b"".join(msgspec.json.encode(one) + b"\n" for one in page)
        return {"lines": lines.decode(), "count": len(page), "total": len(ids)}


class QueueStatus(OnFailed):
    """Show the queue of asynchronous invocations: how many wait, run and failed, and what Redis keeps when it ends."""

    name, Input, Output = "admin.queue.status", Nothing, dict[str, Any]

    def handle(self) -> Any:
        return {**queue_of(self.server).status(), "at": time.time()}


OPERATIONS: tuple[type[Operation], ...] = (
    FailedListing,
    FailedGrouping,
    FailedGet,
    FailedEdit,
    FailedReplay,
    FailedDelete,
    FailedExporting,
    QueueStatus,
)
