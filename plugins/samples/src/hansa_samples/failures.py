"""The admin service of calls that failed, by their causes: `admin.sample.failures`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated

from hansa import Model, setting
from hansa_admin.operation import Operation

from .sample import Head
from .sampler import Sampler

QUEUED = "invoke-async"
"""What samples of asynchronous calls have in place of a channel."""
OK = "ok"


class AskedFailures(Model):
    """Which failures to group; all conditions hold."""

    service: Annotated[str, setting("Only of this service")] = ""
    cause: Annotated[
        str, setting("Only those whose cause contains this text, in upper or lower case")
    ] = ""
    queued: Annotated[
        bool,
        setting("Also those of asynchronous calls, whose messages wait among the failed ones"),
    ] = False
    since: Annotated[float | None, setting("Only from then on, in seconds of the Unix epoch")] = (
        None
    )
    until: Annotated[float | None, setting("Only up to then, in seconds of the Unix epoch")] = None
    offset: Annotated[int, setting("Number of groups to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of groups", ge=1, le=1000)] = 50

    def matches(self, head: Head) -> bool:
        """Whether a failure is asked for."""
        if self.service not in ("", head.service) or (head.channel == QUEUED and not self.queued):
            return False
        is_early = self.since is not None and head.at < self.since
        is_late = self.until is not None and head.at > self.until
        return self.cause.lower() in cause_of(head).lower() and not is_early and not is_late


class FailureGroup(Model):
    """Calls of one service that failed for one cause, of which samples are kept."""

    group: Annotated[str, setting("Name of the group, for admin.sample.list")]
    service: Annotated[str, setting("Name of the service")]
    outcome: Annotated[str, setting("Code of the error, or status-404 for a status from 400 up")]
    cause: Annotated[str, setting("What happened, with * for numbers and identifiers")]
    count: Annotated[int, setting("Number of samples")]
    first: Annotated[float, setting("Begin of the first call, in seconds of the Unix epoch")]
    last: Annotated[float, setting("Begin of the last call, in seconds of the Unix epoch")]
    latest: Annotated[str, setting("Id of the latest sample")]
    latest_cid: Annotated[str, setting("Correlation id of the latest")]
    status: Annotated[int, setting("Status that the latest was answered with")]


class FailureGroups(Model):
    """A page of groups."""

    items: Annotated[list[FailureGroup], setting("Groups, that of the latest failure first")]
    total: Annotated[int, setting("Number of groups on all pages")]
    samples: Annotated[int, setting("Number of samples in all groups")]


class SampleFailures(Operation):
    """Group the calls that failed, of which samples are kept, by service and cause."""

    name = "admin.sample.failures"
    right = "view"
    Input = AskedFailures
    Output = FailureGroups

    def handle(self) -> FailureGroups:
        """Return a page of the groups."""
        asked: AskedFailures = self.request.input
        heads = self.server.resource(Sampler).store.index().heads
        found = [head for head in heads if has_failed(head) and asked.matches(head)]
        groups = grouped(found)
        page = groups[asked.offset : asked.offset + asked.limit]
        return FailureGroups(items=page, total=len(groups), samples=len(found))


def has_failed(head: Head) -> bool:
    """Whether a sample is of a call that failed, for whatever reason it was kept."""
    return head.outcome != OK


def cause_of(head: Head) -> str:
    """Return the cause of a failure; an answer with a status from 400 up has no other one."""
    return head.cause or head.outcome


def group_of(head: Head) -> str:
    """Return the name of the group of a failure."""
    identity = f"{head.service}\0{head.outcome}\0{cause_of(head)}"
    return hashlib.sha256(identity.encode(errors="backslashreplace")).hexdigest()[:12]


def grouped(heads: Iterable[Head]) -> list[FailureGroup]:
    """Return failures in groups, that of the latest one first."""
    members: dict[str, list[Head]] = {}
    for head in heads:
        members.setdefault(group_of(head), []).append(head)
    groups = [_group(name, found) for name, found in members.items()]
    return sorted(groups, key=lambda one: -one.last)


def _group(name: str, heads: list[Head]) -> FailureGroup:
    latest = max(heads, key=lambda head: head.at)
    return FailureGroup(
        group=name,
        service=latest.service,
        outcome=latest.outcome,
        cause=cause_of(latest),
        count=len(heads),
        first=min(head.at for head in heads),
        last=latest.at,
        latest=latest.id,
        latest_cid=latest.cid,
        status=latest.status,
    )
