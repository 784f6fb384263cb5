"""The admin services of failed messages:
`admin.failed.{list,groups,get,edit,replay,delete,export}`.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

import msgspec
from hansa import Invalid, Model, NotFound, PackageVersion, PlainSettings, setting
from hansa_admin.administration import Administration
from hansa_admin.operation import Operation

from .failed import FailedMessages
from .index import IndexedGroup, Selection
from .patterns import queue_of
from .replays import Pace

DEFAULT_RATE = 50.0
"""Messages per second of a replay that goes on in the background, unless another rate is given."""
HIGHEST_RATE = 5000.0


class Conditions(Model):
    """Which failed messages are meant: those that meet all conditions."""

    service: Annotated[str, setting("Only of this service", example="orders.place")] = ""
    cause: Annotated[
        str, setting("Only those whose cause contains this text, in upper or lower case")
    ] = ""
    group: Annotated[str, setting("Only of this group, as admin.failed.groups names it")] = ""
    groups: Annotated[list[str], setting("Only of one of these groups")] = []
    cid: Annotated[str, setting("Only those of this correlation id")] = ""
    server: Annotated[str, setting("Only those that failed last on this server")] = ""
    since: Annotated[
        float | None, setting("Only those that failed then or later, in seconds of the Unix epoch")
    ] = None
    until: Annotated[
        float | None, setting("Only those that failed then or before, in seconds of the Unix epoch")
    ] = None

    def selection(self, ids: list[str] | None = None) -> Selection:
        """Return the conditions as the store takes them."""
        return Selection(
            ids,
            self.service,
            self.cause,
            self.group,
            self.cid,
            self.since,
            self.until,
            self.groups or None,
            self.server,
        )


class Page(Conditions):
    """A part of the failed messages, the latest first."""

    offset: Annotated[int, setting("Number of messages to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of messages", ge=1, le=10_000)] = 100


class GroupsRequest(Conditions):
    """Which failed messages are grouped, and what is shown of the groups."""

    series: Annotated[
        bool, setting("Whether to return how many messages failed in each of the last 24 hours")
    ] = False
    offset: Annotated[int, setting("Number of groups to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of groups", ge=1, le=10_000)] = 1000


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

    def find(self, failed: FailedMessages) -> tuple[Selection, list[str]]:
        """Return which messages are meant, and the ids asked for that are not there, or do not meet
        the conditions.
        """
        if not self.ids:
            return self.selection(), []
        selection = self.selection(list(dict.fromkeys(self.ids)))
        found = failed.there(selection)
        there = set(found)
        missing = [identifier for identifier in self.ids if identifier not in there]
        return self.selection(found), missing


class ReplayRequest(SelectedMessages):
    """The messages to replay, what to change in one before, and how fast they go.

    With a rate or a batch the replay goes on in the background, and has an id.
    """

    payload: Annotated[Any, setting("Payload to replay one message with, in place of its own")] = (
        msgspec.UNSET
    )

    rate: Annotated[
        float,
        setting(
            "Messages per second, with which the replay goes on in the background; 0 for all at "
            "once, or for 50 with a batch",
            ge=0,
            le=HIGHEST_RATE,
        ),
    ] = 0.0
    batch: Annotated[
        int,
        setting(
            "Messages after which the replay, in the background, pauses until it is resumed, such "
            "as 1 to see what becomes of the first; 0 for no pause",
            ge=0,
        ),
    ] = 0

    @property
    def pace(self) -> Pace | None:
        """How a replay in the background sends; None if all is to be done at once."""
        if not self.rate and not self.batch:
            return None
        return Pace(self.rate or DEFAULT_RATE, self.batch)

    @property
    def what(self) -> PlainSettings:
        """The conditions that are given, and how many ids are."""
        conditions = asdict(replace(self.selection(), ids=None))
        found = {name: value for name, value in conditions.items() if value not in ("", None)}
        return {**found, "ids": len(self.ids)} if self.ids else found

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
    code: Annotated[
        str, setting("What ran: file and version of the service, or the plugin it comes with")
    ] = ""


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


class ServiceChange(Model):
    """A version of a service that was deployed."""

    file: Annotated[str, setting("Its file or folder")]
    version: Annotated[int, setting("Its version")]
    at: Annotated[float, setting("When it was deployed, in seconds of the Unix epoch")]
    by: Annotated[str, setting("Who deployed it")]


class FailedGroup(Model):
    """Failed messages with one cause."""

    group: Annotated[str, setting("Name of the group")]
    service: Annotated[str, setting("Service that was called")]
    cause: Annotated[str, setting("The cause, with * for what differs between messages")]
    count: Annotated[int, setting("Number of messages")]
    first: Annotated[float, setting("When the first failed, in seconds of the Unix epoch")]
    last: Annotated[float, setting("When the last failed, in seconds of the Unix epoch")]
    latest: Annotated[str, setting("Id of the latest message")]
    changed: Annotated[
        ServiceChange | None,
        setting("The version that serves now, if it was deployed after the first failure"),
    ]
    series: Annotated[
        list[int],
        setting(
            "Messages that failed in each of the last 24 hours, the oldest first, if asked for"
        ),
    ]


class FailedGroups(Model):
    """The causes of failure."""

    items: Annotated[list[FailedGroup], setting("The groups, the largest first")]
    total: Annotated[int, setting("Number of groups")]
    messages: Annotated[int, setting("Number of messages in all groups")]


class FailedReplayed(Model):
    """The result of a replay."""

    replayed: Annotated[int, setting("Number of messages that went back into the queue")]
    left: Annotated[int, setting("Number of messages that stay failed, since the queue is full")]
    missing: Annotated[
        list[str], setting("Ids asked for that are not there: already replayed, or deleted")
    ]
    id: Annotated[
        str, setting("Id of the replay, if it goes on in the background: see admin.replay.get")
    ] = ""
    elsewhere: Annotated[
        int, setting("Number of messages that another replay has still to send, which does so")
    ] = 0


class FailedDeleted(Model):
    """The result of a deletion."""

    deleted: Annotated[int, setting("Number of messages that were deleted")]
    missing: Annotated[list[str], setting("Ids asked for that are not there")]


class FailedExport(Model):
    """Failed messages for another program."""

    lines: Annotated[str, setting("JSON lines: each message as admin.failed.get shows it")]
    count: Annotated[int, setting("Number of messages in `lines`")]
    total: Annotated[int, setting("Total number, on all pages")]


class FailedOperation(Operation):
    """Base of the operations on failed messages."""

    abstract = True

    @property
    def failed(self) -> FailedMessages:
        """The failed messages of the cluster; raises `Unavailable` where there is no queue."""
        return queue_of(self.server).failed

    def edit(self, identifier: str, changes: PlainSettings) -> PlainSettings:
        """Change a failed message, and return it; raises `Forbidden` unless the caller may have its
        service called, since a replay has no caller to be judged.
        """
        service = changes.get("service") or self.failed.get(identifier)["service"]
        judges = self.server.resource(Administration)
        judges.require_call(self.request.principal, service)
        return self.failed.edit(identifier, changes, self.caller)


class FailedListing(FailedOperation):
    """List the messages that ran out of attempts, the latest first."""

    name = "admin.failed.list"
    right = "view"
    Input = Page
    Output = FailedList

    def handle(self) -> PlainSettings:
        """Return a page of the list."""
        page: Page = self.request.input
        found, total = self.failed.page(page.selection(), page.offset, page.limit)
        items = [{"id": identifier, **msgspec.to_builtins(brief)} for identifier, brief in found]
        return {"items": items, "total": total}


class FailedGrouping(FailedOperation):
    """Group the failed messages by service and cause, the largest group first."""

    name = "admin.failed.groups"
    right = "view"
    Input = GroupsRequest
    Output = FailedGroups

    def handle(self) -> FailedGroups:
        """Return the groups."""
        asked: GroupsRequest = self.request.input
        groups = self.failed.groups(asked.selection())
        page = groups[asked.offset : asked.offset + asked.limit]
        series: list[list[int]] = [[] for _ in page]
        if asked.series:
            series = self.failed.series([one.group for one in page])
        versions = self._versions({one.subject.service for one in page})
        items = []
        for one, counts in zip(page, series, strict=True):
            items.append(shown_group(one, counts, versions.get(one.subject.service)))
        messages = sum(one.count for one in groups)
        return FailedGroups(items=items, total=len(groups), messages=messages)

    def _versions(self, services: set[str]) -> dict[str, PackageVersion]:
        """Return the versions that serve of those services that were deployed."""
        found: dict[str, PackageVersion] = {}
        for service in services:
            try:
                registered = self.server.registry.service(service)
            except NotFound:
                continue
            if not registered.comes_with_plugin:
                package = self.server.packages.get(registered.origin, registered.version)
                if package is not None:
                    found[service] = package
        return found


def shown_group(
    group: IndexedGroup, series: list[int], version: PackageVersion | None
) -> FailedGroup:
    """Return a group as it is shown; `version` is what serves of its service."""
    first = group.first / 1000
    changed = None
    if version is not None and version.at > first:
        changed = ServiceChange(
            file=version.file, version=version.version, at=version.at, by=version.by
        )
    return FailedGroup(
        group=group.group,
        service=group.subject.service,
        cause=group.subject.cause,
        count=group.count,
        first=first,
        last=group.last / 1000,
        latest=group.latest,
        changed=changed,
        series=series,
    )


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
        return self.edit(edit.id, changes)


class FailedReplay(FailedOperation):
    """Put failed messages back into the queue, for the services as they are now; each goes once."""

    name = "admin.failed.replay"
    right = "operate"
    Input = ReplayRequest
    Output = FailedReplayed

    def handle(self) -> PlainSettings:
        """Return how many went back, or the replay that sends them."""
        request: ReplayRequest = self.request.input
        selection, missing = request.find(self.failed)
        if selection.ids and request.payload is not msgspec.UNSET:
            self.edit(selection.ids[0], {"payload": request.payload})
        if request.pace is not None:
            return self._begin(selection, request.pace, missing)
        done = self.failed.replay(selection)
        self.log.info("%s replayed %s failed messages", self.caller or "somebody", done.replayed)
        return {"replayed": done.replayed, "left": done.left, "missing": [*missing, *done.missing]}

    def _begin(self, selection: Selection, pace: Pace, missing: list[str]) -> PlainSettings:
        request: ReplayRequest = self.request.input
        replays = queue_of(self.server).replays
        begun = replays.begin(selection, pace, self.caller, request.what)
        self.log.info(
            "%s replays %s failed messages at %g a second",
            self.caller or "somebody",
            begun.total,
            pace.rate,
        )
        return {
            "replayed": 0,
            "left": begun.total,
            "missing": missing,
            "id": begun.replay,
            "elsewhere": begun.elsewhere,
        }


class FailedDelete(FailedOperation):
    """Delete failed messages for good."""

    name = "admin.failed.delete"
    final = "always"
    Input = SelectedMessages
    Output = FailedDeleted

    def handle(self) -> PlainSettings:
        """Return how many were deleted."""
        request: SelectedMessages = self.request.input
        selection, missing = request.find(self.failed)
        deleted = self.failed.delete(selection)
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
        found, total = self.failed.page(page.selection(), page.offset, page.limit)
        messages = list(self.failed.get_many([identifier for identifier, _ in found]))
        lines = b"".join(msgspec.json.encode(message) + b"\n" for message in messages)
        return {"lines": lines.decode(), "count": len(messages), "total": total}


OPERATIONS: tuple[type[Operation], ...] = (
    FailedListing,
    FailedGrouping,
    FailedGet,
    FailedEdit,
    FailedReplay,
    FailedDelete,
    FailedExporting,
)
